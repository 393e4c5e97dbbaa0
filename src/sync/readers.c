/* SPDX-License-Identifier: MIT */
/*
 * readers.c - counts readers in one word for each CPU (readers.h), and sums these words.
 *
 * The invariant: a reader that was counted is in the sum of its word over all indexes until it leaves. The words are read one
 * after the other. The sum therefore has a meaning only if no reader begins meanwhile, or if the caller doesn't need to know
 * about readers that begin. If no reader begins, each word only decreases during the reading, and the sum includes each reader
 * that leaves after the reading.
 */
#define _GNU_SOURCE
#include "readers.h"

#include <rseqkit/detail/add.h>
#include <rseqkit/remote.h>
#include <errno.h>
#include "os/kernel.h"
#include "os/cpus.h"
#include "percpu/percpu.h"
#include "pool.h"
#include "os/fence.h"
#include "thread/number.h"

_Static_assert(offsetof(struct rk_readers_slot, of_overflow) == RKI_READERS_GATE, "inline functions rely on it");

/* Special values in the overflow slot's word `generation` (next_generation() calls this word `here`). */
#define ASKED (UINT64_MAX - 1) /* a thread is about to store the next generation in `here` */
#define KNOWN 1                /* a bit of `here`: the reserve slot has this generation, too, so children take another one */

int rk_readers_create(struct rk_percpu *pools[2], void **item, const void *caller)
{
	struct rk_percpu_options options = {.item_size = sizeof(struct rk_readers_slot), .alignment = 64};
	bool wiped = rk_number_is_wiped();
	struct rk_readers *readers;
	struct rk_percpu *pool;
	int r;

	*item = NULL;
	if (!wiped && !rk_number_is_hopeless())
		return -ENOMEM;
	options.flags = wiped ? RK_PERCPU_EMPTY_IN_CHILDREN : 0;
	r = rk_pool_get_fenced(&pools[!wiped], &options, &pool);
	if (r == 0)
		r = rk_percpu_alloc_for(pool, item, caller);
	if (r < 0)
		return r;
	readers = rk_readers_of(*item);
	readers->by_sections = RK_HAVE_SECTIONS && rk_fence_all() == 0 && (RKI_ORDERS_BY_ITSELF || rk_fence_memory() == 0);
	rk_readers_slot(*item, RK_INDEX_OVERFLOW)->of_overflow.generation = KNOWN;
	return 0;
}

static struct rk_percpu *pool_of_readers(struct rk_percpu *pools[2], const void *item)
{
	struct place place;

	for (int i = 0; i < 2; i++) {
		struct rk_percpu *pool = __atomic_load_n(&pools[i], __ATOMIC_ACQUIRE);

		if (rk_pool_has(pool, item, &place))
			return pool;
	}
	return NULL;
}

bool rk_readers_has(struct rk_percpu *pools[2], const void *item)
{
	return pool_of_readers(pools, item) != NULL;
}

int rk_readers_destroy(struct rk_percpu *pools[2], void *item, const void *caller)
{
	struct rk_percpu *pool = pool_of_readers(pools, item);

	return pool == NULL ? -EINVAL : rk_percpu_free_for(pool, item, caller);
}

/*
 * Gives a generation to a process without a generation. A thread stores the next generation in `here`, as an offer. In each
 * child `here` is 0 again. Then any thread of this process stores the offered generation in the state, which children inherit.
 * Only after that the process uses the generation, so no child takes the generation of an ancestor that has readers.
 *
 * Signals are blocked, so no handler forks here, and no thread continues this function in a child with values that it loaded
 * in the parent. If signals can't be blocked, such a fork is noticed: before a thread loads the generation in the state, it
 * stores ASKED in `here`. In a child `here` isn't ASKED, so the offer fails.
 */
static uint64_t next_generation(struct rk_readers *readers, uint64_t *here)
{
	unsigned char before[RK_SIGSET_SIZE];
	bool blocked = rk_kernel_block_signals(before) == 0;
	uint64_t seen;

	while (((seen = __atomic_load_n(here, __ATOMIC_SEQ_CST)) & KNOWN) == 0) {
		uint64_t last = __atomic_load_n(&readers->generation, __ATOMIC_SEQ_CST), offer = seen;

		if (offer == 0 || offer == ASKED) {
			(void)__atomic_compare_exchange_n(here, &seen, offer == 0 ? ASKED : (last + 1) * 2, 0, __ATOMIC_SEQ_CST,
							  __ATOMIC_SEQ_CST);
			continue;
		}
		last = offer / 2 - 1;
		(void)__atomic_compare_exchange_n(&readers->generation, &last, offer / 2, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
		(void)__atomic_compare_exchange_n(here, &offer, offer | KNOWN, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	}
	if (blocked)
		(void)rk_kernel_set_signals(before, NULL);
	return seen;
}

uint64_t rk_readers_generation(void *item)
{
	uint64_t *here = &rk_readers_slot(item, RK_INDEX_OVERFLOW)->of_overflow.generation;
	uint64_t generation = __atomic_load_n(here, __ATOMIC_SEQ_CST);

	return (RKI_LIKELY(generation & KNOWN) ? generation : next_generation(rk_readers_of(item), here)) / 2;
}

intptr_t rk_readers_set(void *item)
{
	return (intptr_t)rk_readers_slot(item, 0)->counts[rk_readers_generation(item) % RK_READERS_SETS];
}

intptr_t rk_readers_sum(intptr_t word)
{
	intptr_t sum = __atomic_load_n(rk_readers_word(word, RK_INDEX_OVERFLOW), __ATOMIC_SEQ_CST);

	/*
	 * The loop includes the gaps between CPU numbers: the list of CPUs can be wrong, and readers that were counted in a gap
	 * must be in the sum.
	 */
	for (int cpu = 0; cpu <= rk_cpus_get()->highest; cpu++)
		sum += __atomic_load_n(rk_readers_word(word, cpu), __ATOMIC_ACQUIRE);
	return sum;
}

void rk_readers_leave(void *item, void *counted, enum rk_result outcome)
{
	intptr_t word = (intptr_t)counted & ~(intptr_t)RKI_READERS_ATOMIC;

	for (int i = 0; i < RK_ABORTS_MAX && outcome == RK_ABORTED && rk_readers_of(item)->by_sections; i++)
		outcome = rki_add(counted, -1);
	if (outcome != RK_DONE)
		__atomic_fetch_sub(rk_readers_word(word, RK_INDEX_OVERFLOW), 1, __ATOMIC_SEQ_CST);
}

int rk_readers_fence(const struct rk_readers *readers)
{
	return RKI_ORDERS_BY_ITSELF || !readers->by_sections ? 0 : rk_fence_memory();
}
