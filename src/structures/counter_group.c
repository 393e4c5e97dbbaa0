/* SPDX-License-Identifier: MIT */
/*
 * counter_group.c - groups of counters (rseqkit/counter.h): their memory, adds that can't use a section, and reads that
 * return all counters as of one moment.
 *
 * A group has two planes, that is, two sets of words. Threads add to these words, and never clear them. `plane` holds the
 * address of the plane that adds go to. To read the group, a reader makes a turn: it stores the other plane's address in
 * `plane`. Turn number c ends phase c, and begins phase c + 1. An add belongs to the phase in which it loaded `plane`. The
 * reader that makes turn c reads all adds of the phases up to c:
 *
 *	turns = odd | read the plane that is at rest | plane = that one | fence all | turns = even | read the other one
 *	                     phases c - 1, c - 3, ...         ^ phase c + 1 begins                     phases c, c - 2, ...
 *
 * This is why the values are a consistent cut: if they contain an add, they contain all adds that happened before it. Let add
 * A happen before add B. Then A's load of `plane` happened before B's load of `plane`. If two loads of one word are ordered,
 * the later load never sees an older value, so A's phase isn't later than B's. If B is in the phases up to c, A is in them,
 * too. (If each CPU had a `plane` of its own, the two loads wouldn't be ordered: see the first rejected design.) It remains to
 * show that the reader finds A in the planes. After the fence, a section that was in an old phase is finished or aborted. An
 * aborted section begins again, and loads `plane` again.
 *
 * A thread that can't use a section adds to the overflow slot, by an atomic instruction. No fence ends such an overflow add,
 * so it can reach its plane at any time. Let A be an overflow add. Suppose that A reaches its plane during the turn that
 * ends A's phase, or before the next turn reads that plane. Then the cut is consistent, because B begins only after A has
 * reached its plane. If A reaches its plane later, the cut might contain B without A. To find this out, the adder loads
 * `turns` before it loads `plane`, and rounds the value down to an even number. After the add, the adder loads `turns`
 * again. If A is too late, `turns` is at least 3 above the rounded value by then. The reason is that the turn of A's phase
 * stored an even number at its end, and the next turn stored an odd number before it read the plane. If `turns` is that high,
 * the adder increments `late` before it returns. The reader sees the increment after the fence, and makes another turn. All
 * these accesses are sequentially consistent.
 *
 * A child can be forked anywhere in a turn. No section of the parent runs in the child, so adds of the child can go to either
 * plane. A reset in such a child was done completely or not at all: there are two baselines, and one store changes which of
 * them is in use.
 *
 * Rejected designs:
 *   a bank for each CPU, replaced CPU by CPU           a thread does add A on a CPU whose bank was replaced, moves to another CPU
 *                                                      whose bank wasn't yet, and does add B there: the cut contains B without A
 *   all banks are closed before the first is read      during the fence all adds go to the overflow slot, and reading that slot
 *                                                      isn't a consistent cut either
 *   `plane` is loaded before the section               if the thread is stopped in between, its add goes to a plane that was
 *                                                      read already
 *   the reader reads until two results are the same    it never ends while other threads add all the time
 *   one section for several counters                   an abort between two stores adds to the first counter twice. A
 *                                                      store that also changes a register (stosq, xadd) tells the abort handler
 *                                                      what was done, but takes longer than two sections: 1.9 instead of 1.1 ns
 *   the reader clears the words                        overflow adds that come late are lost; and each CPU's pages are written to
 */
#include <rseqkit/counter.h>
#include <rseqkit/remote.h>
#include <rseqkit/thread.h>

#include <errno.h>
#include <string.h>
#include "counter_group.h"
#include "os/cpus.h"
#include "percpu/percpu.h"
#include "sync/pool.h"

#define PATIENCE 100000000 /* ns that a reader waits for other readers */
#define TURNS_MAX 16       /* the most turns of one read; late adds make further turns necessary */
#define SMALLEST 128       /* bytes of the smallest item; all sizes are powers of two */
#define POOLS 12           /* one for each size of items from SMALLEST to RK_STRIDE */

_Static_assert(sizeof(struct rki_group_head) <= RKI_GROUP_HEAD, "planes and baselines follow it");
_Static_assert(offsetof(struct rki_group_head, plane) == 0, "rki_group_add() relies on it");
_Static_assert((size_t)SMALLEST << (POOLS - 1) == RK_STRIDE, "the largest group fills it");

static struct rk_percpu *group_pools[POOLS];

static int get_group_pool(size_t count, struct rk_percpu **out)
{
	struct rk_percpu_options options = {.item_size = SMALLEST, .alignment = 64};
	int i = 0;

	for (; options.item_size < RKI_GROUP_HEAD + 2 * count * sizeof(int64_t); i++)
		options.item_size *= 2;
	return rk_pool_get_fenced(&group_pools[i], &options, out);
}

/* Returns the address of a plane in slot 0. */
static intptr_t plane_of(const void *group, int which)
{
	return (intptr_t)group + RKI_GROUP_HEAD + which * (intptr_t)(rk_group_head(group)->count * sizeof(int64_t));
}

static int64_t *words_of(intptr_t plane, int index)
{
	return (int64_t *)rk_percpu_slot((void *)plane, index);
}

static int64_t *baseline_of(const void *group, int which)
{
	return words_of(plane_of(group, which), RK_INDEX_RESERVE);
}

int rk_group_create(void **group, size_t count, const void *caller)
{
	struct rk_percpu *pool;
	int r;

	*group = NULL;
	if (count == 0 || count > RK_COUNTER_GROUP_MAX)
		return -EINVAL;
	r = get_group_pool(count, &pool);
	if (r == 0)
		r = rk_percpu_alloc_for(pool, group, caller);
	if (r < 0)
		return r;
	rk_group_head(*group)->count = (uint32_t)count;
	rk_group_head(*group)->plane = plane_of(*group, 0);
	return 0;
}

int rk_group_destroy(void *group, bool is_histogram, const void *caller)
{
	struct place place;

	if (group == NULL)
		return 0;
	for (int i = 0; i < POOLS; i++) {
		struct rk_percpu *pool = __atomic_load_n(&group_pools[i], __ATOMIC_ACQUIRE);

		if (rk_pool_has(pool, group, &place) && (rk_group_head(group)->top != 0) == is_histogram)
			return rk_percpu_free_for(pool, group, caller);
	}
	return -EINVAL;
}

void rki_counter_group_add_slow(struct rk_counter_group *group, size_t which, int64_t value, enum rk_result outcome)
{
	struct rki_group_head *head = rk_group_head(group);
	uint64_t before;
	intptr_t plane;

	for (int i = 0; i < RK_ABORTS_MAX && outcome == RK_ABORTED; i++)
		outcome = rki_group_add(group, which, value);
	if (outcome == RK_DONE)
		return;
	before = __atomic_load_n(&head->turns, __ATOMIC_SEQ_CST) & ~(uint64_t)1;
	plane = __atomic_load_n(&head->plane, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&words_of(plane, RK_INDEX_OVERFLOW)[which], value, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&head->turns, __ATOMIC_SEQ_CST) >= before + 3)
		__atomic_fetch_add(&head->late, 1, __ATOMIC_SEQ_CST);
}

/* Sums wrap, as adds do. Wrapping is defined in unsigned arithmetic. */
static int64_t plus(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a + (uint64_t)b);
}

static int64_t minus(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a - (uint64_t)b);
}

/* Adds the words of a plane to the values. */
static void gather(intptr_t plane, int64_t *values, size_t count)
{
	/*
	 * The loop includes the gaps between CPU numbers: the list of CPUs can be wrong, and adds that went to a gap must be
	 * counted.
	 */
	for (int cpu = 0; cpu <= rk_cpus_get()->highest; cpu++)
		for (size_t i = 0; i < count; i++)
			values[i] = plus(values[i], __atomic_load_n(&words_of(plane, cpu)[i], __ATOMIC_RELAXED));
	for (size_t i = 0; i < count; i++)
		values[i] = plus(values[i], __atomic_load_n(&words_of(plane, RK_INDEX_OVERFLOW)[i], __ATOMIC_SEQ_CST));
}

static int fence(struct rki_group_head *head)
{
	if (rk_fence_all() < 0)
		return -EHOSTUNREACH;
	__atomic_store_n(&head->unfenced, 0, __ATOMIC_RELEASE);
	return 0;
}

/*
 * Makes one turn. The caller holds the group's claim (rseqkit/remote.h). Returns 0; 1 if an overflow add came late;
 * -EHOSTUNREACH if there is no fence.
 */
static int turn(void *group, int64_t *values, size_t count)
{
	struct rki_group_head *head = rk_group_head(group);
	intptr_t running = __atomic_load_n(&head->plane, __ATOMIC_RELAXED);
	intptr_t resting = running == plane_of(group, 0) ? plane_of(group, 1) : plane_of(group, 0);
	uint64_t turns, late;

	if (__atomic_load_n(&head->unfenced, __ATOMIC_ACQUIRE) && fence(head) < 0)
		return -EHOSTUNREACH;
	late = __atomic_load_n(&head->late, __ATOMIC_SEQ_CST);
	turns = (__atomic_load_n(&head->turns, __ATOMIC_RELAXED) + 1) | 1; /* an unfinished turn left `turns` odd */
	__atomic_store_n(&head->turns, turns, __ATOMIC_SEQ_CST);
	memset(values, 0, count * sizeof(*values));
	gather(resting, values, count);
	__atomic_store_n(&head->unfenced, 1, __ATOMIC_RELEASE);
	__atomic_store_n(&head->plane, resting, __ATOMIC_SEQ_CST);
	if (fence(head) < 0)
		return -EHOSTUNREACH;
	__atomic_store_n(&head->turns, turns + 1, __ATOMIC_SEQ_CST);
	gather(running, values, count);
	return __atomic_load_n(&head->late, __ATOMIC_SEQ_CST) != late;
}

/* Subtracts the baseline from the values. If `reset` is true, the values before this subtraction become the new baseline. */
static void settle_values(void *group, int64_t *values, size_t count, bool reset)
{
	struct rki_group_head *head = rk_group_head(group);
	int which = __atomic_load_n(&head->baseline, __ATOMIC_ACQUIRE);
	int64_t *old = baseline_of(group, which), *next = baseline_of(group, !which);

	for (size_t i = 0; i < head->count && reset; i++)
		__atomic_store_n(&next[i], i < count ? values[i] : old[i], __ATOMIC_RELAXED);
	for (size_t i = 0; i < count; i++)
		values[i] = minus(values[i], __atomic_load_n(&old[i], __ATOMIC_RELAXED));
	if (reset)
		__atomic_store_n(&head->baseline, !which, __ATOMIC_RELEASE);
}

void rk_group_read_relaxed(const void *group, int64_t *values, size_t count)
{
	/* The baseline is loaded before the words, because a reset can increase the baseline meanwhile. */
	const int64_t *baseline = baseline_of(group, __atomic_load_n(&rk_group_head(group)->baseline, __ATOMIC_ACQUIRE));

	for (size_t i = 0; i < count; i++)
		values[i] = minus(0, __atomic_load_n(&baseline[i], __ATOMIC_ACQUIRE));
	gather(plane_of(group, 0), values, count);
	gather(plane_of(group, 1), values, count);
}

int rk_group_read(void *group, int64_t *values, size_t count, bool reset)
{
	struct rki_group_head *head = rk_group_head(group);
	int r = rk_claim_take_for(&head->claim, PATIENCE);

	if (r < 0) {
		r = -EBUSY;
	} else {
		for (int i = 0; i == 0 || (r == 1 && i < TURNS_MAX); i++)
			r = turn(group, values, count);
		if (r == 0)
			settle_values(group, values, count, reset);
		(void)rk_claim_release(&head->claim);
		r = r == 1 ? -EAGAIN : r;
	}
	if (r < 0)
		rk_group_read_relaxed(group, values, count);
	return r;
}

int rk_counter_group_create(struct rk_counter_group **group, const char *const *names, size_t count)
{
	void *item;
	int r;

	if (group == NULL)
		return -EINVAL;
	r = rk_group_create(&item, count, __builtin_return_address(0));
	*group = (struct rk_counter_group *)item;
	if (r == 0)
		rk_group_head(item)->names = names;
	return r;
}

int rk_counter_group_destroy(struct rk_counter_group *group)
{
	return rk_group_destroy(group, false, __builtin_return_address(0));
}

size_t rk_counter_group_count(const struct rk_counter_group *group)
{
	return rk_group_head(group)->count;
}

const char *rk_counter_group_name(const struct rk_counter_group *group, size_t which)
{
	const struct rki_group_head *head = rk_group_head(group);

	return head->names != NULL && which < head->count ? head->names[which] : NULL;
}

int rk_counter_group_read_relaxed(const struct rk_counter_group *group, int64_t *values, size_t count)
{
	if (group == NULL || values == NULL || count > rk_group_head(group)->count)
		return -EINVAL;
	rk_group_read_relaxed(group, values, count);
	return 0;
}

static int read_counters(struct rk_counter_group *group, int64_t *values, size_t count, bool reset)
{
	if (group == NULL || values == NULL || count > rk_group_head(group)->count)
		return -EINVAL;
	return rk_group_read(group, values, count, reset);
}

int rk_counter_group_read(struct rk_counter_group *group, int64_t *values, size_t count)
{
	return read_counters(group, values, count, false);
}

int rk_counter_group_reset(struct rk_counter_group *group, int64_t *values, size_t count)
{
	return read_counters(group, values, count, true);
}
