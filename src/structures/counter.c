/* SPDX-License-Identifier: MIT */
/*
 * counter.c - per-CPU counters (rseqkit/counter.h): their memory, adds that can't use a section, and sums.
 *
 * All counters that this copy of the library creates are items of one pool (rseqkit/percpu.h). An item has a slot for each CPU,
 * and two more. Slot -1, the overflow slot, gets the adds that can't use a section. Slot -2 holds the baseline, which is
 * subtracted from sums. These two slots are accessed by atomic instructions. Sections write to the CPUs' slots; this file reads
 * the CPUs' slots by aligned loads.
 *
 * An add repeats an aborted section at most RK_ABORTS_MAX times, and then adds to the overflow slot. A reset stores the sum as
 * the baseline, so only the sections on a CPU write to this CPU's slot, and no fence is needed.
 */
#include <rseqkit/counter.h>
#include <rseqkit/percpu.h>

#include <errno.h>
#include "os/answer.h"
#include "os/cpus.h"
#include "percpu/percpu.h"
#include "sync/pool.h"

static struct rk_percpu *counter_pool;

static int64_t *slot(const struct rk_counter *counter, int index)
{
	return (int64_t *)rk_percpu_slot(counter, index);
}

static int get_counter_pool(struct rk_percpu **out)
{
	static const struct rk_percpu_options options = {.item_size = sizeof(int64_t)};

	return rk_pool_get(&counter_pool, &options, out);
}

int rk_counter_create(struct rk_counter **counter)
{
	struct rk_percpu *from;
	void *item;
	int r;

	if (counter == NULL)
		return -EINVAL;
	r = get_counter_pool(&from);
	if (r == 0)
		r = rk_percpu_alloc_for(from, &item, __builtin_return_address(0));
	*counter = r == 0 ? (struct rk_counter *)item : NULL;
	return r;
}

int rk_counter_destroy(struct rk_counter *counter)
{
	struct rk_percpu *from = __atomic_load_n(&counter_pool, __ATOMIC_ACQUIRE);

	if (counter == NULL)
		return 0;
	return from == NULL ? -EINVAL : rk_percpu_free_for(from, counter, __builtin_return_address(0));
}

void rki_counter_add_slow(struct rk_counter *counter, int64_t value, enum rk_result outcome)
{
#if INTPTR_MAX == INT64_MAX
	struct rk_percpu *from = __atomic_load_n(&counter_pool, __ATOMIC_RELAXED); /* NULL: the counter belongs to another copy */
	int aborts = 0;

	for (; outcome == RK_ABORTED && aborts < RK_ABORTS_MAX; aborts++)
		outcome = rki_add(counter, value);
	if (from != NULL && aborts > 0)
		__atomic_fetch_add(&from->aborts, aborts, __ATOMIC_RELAXED);
	if (from != NULL && outcome == RK_ABORTED)
		__atomic_fetch_add(&from->overflows, 1, __ATOMIC_RELAXED);
#endif
	if (outcome != RK_DONE)
		__atomic_fetch_add(slot(counter, RK_INDEX_OVERFLOW), value, __ATOMIC_RELAXED);
}

/* Sums wrap, as adds do. Wrapping is defined in unsigned arithmetic. */
static int64_t total(const struct rk_counter *counter)
{
	uint64_t sum = (uint64_t)__atomic_load_n(slot(counter, RK_INDEX_OVERFLOW), __ATOMIC_RELAXED);

	/*
	 * The loop includes the gaps between CPU numbers: the list of CPUs can be wrong, and adds that went to a gap must be
	 * counted.
	 */
	for (int cpu = 0; cpu <= rk_cpus_get()->highest; cpu++)
		sum += (uint64_t)__atomic_load_n(slot(counter, cpu), __ATOMIC_RELAXED);
	return (int64_t)sum;
}

int64_t rk_counter_sum(const struct rk_counter *counter)
{
	/* The baseline is loaded before the slots, so the slots include every add that the baseline includes. */
	uint64_t baseline = (uint64_t)__atomic_load_n(slot(counter, RK_INDEX_RESERVE), __ATOMIC_ACQUIRE);

	return (int64_t)((uint64_t)total(counter) - baseline);
}

int64_t rk_counter_reset(struct rk_counter *counter)
{
	int64_t *baseline = slot(counter, RK_INDEX_RESERVE);
	int64_t old = __atomic_load_n(baseline, __ATOMIC_ACQUIRE);
	int64_t sum;

	/*
	 * If another reset stores the baseline first, the adds until then are in the result of that reset, so this reset sums
	 * again. Each failure of the compare-and-swap means that another reset has succeeded.
	 */
	do
		sum = total(counter);
	while (!__atomic_compare_exchange_n(baseline, &old, sum, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	return (int64_t)((uint64_t)sum - (uint64_t)old);
}

int rk_counter_query(int index, struct rk_percpu_report *stats, size_t size)
{
	static const struct rk_percpu_report nothing;
	struct rk_percpu *from = __atomic_load_n(&counter_pool, __ATOMIC_ACQUIRE);

	if (from != NULL)
		return rk_percpu_query(from, index, stats, size);
	if (stats == NULL)
		return -EINVAL;
	rk_answer(stats, size, &nothing, sizeof(nothing));
	return 0;
}
