/* SPDX-License-Identifier: MIT */
/*
 * level.c - levels (rseqkit/peak.h): values that go up and down, with their peaks.
 *
 * A level is the sum of a shared word and of each CPU's part. An add goes to the part of its CPU, by a section, as long as the
 * part stays within `batch` on both sides of 0. Otherwise the add moves the part to the shared word. The parts together are at
 * most half of the error that the program accepts, so the highest value of the shared word is that near to the peak. Readers also
 * take the level that they find for a peak: it is that near to the level, too, whatever moments the parts are from.
 *
 * A thread that moves a part first adds to the shared word, and then subtracts from the part, if it still runs on the part's
 * CPU. A thread that was stopped in between has counted the part twice for this time. In the other order, the part would be
 * missing, and it could be missing at the peak. If the thread has left the CPU, it takes the part out of the shared word again.
 */
#include <rseqkit/peak.h>

#include <errno.h>
#include <rseqkit/ops_at.h>
#include "here.h"
#include "os/cpus.h"
#include "sync/pool.h"

/* The reserve slot of a level's item. Other slots are the parts: a word of intptr_t. */
struct level_head {
	int64_t shared, peak;
	intptr_t batch;
};

#define BATCH_MAX (INTPTR_MAX / 8)

static struct rk_percpu *level_pool;

static struct level_head *level_head_of(const struct rk_level *level)
{
	return (struct level_head *)rk_percpu_slot(level, RK_INDEX_RESERVE);
}

static intptr_t *part_of(const struct rk_level *level, int cpu)
{
	return (intptr_t *)rk_percpu_slot(level, cpu);
}

int rk_level_create(struct rk_level **level, uint64_t error)
{
	static const struct rk_percpu_options options = {.item_size = sizeof(struct level_head)};
	uint64_t batch = error / 2 / ((uint64_t)rk_cpus_get()->highest + 1);
	struct rk_percpu *from;
	void *item;
	int r;

	if (level == NULL)
		return -EINVAL;
	*level = NULL;
	r = rk_pool_get(&level_pool, &options, &from);
	if (r == 0)
		r = rk_percpu_alloc_for(from, &item, __builtin_return_address(0));
	if (r < 0)
		return r;
	*level = (struct rk_level *)item;
	level_head_of(*level)->batch = batch < BATCH_MAX ? (intptr_t)batch : BATCH_MAX;
	return 0;
}

int rk_level_destroy(struct rk_level *level)
{
	struct rk_percpu *from = __atomic_load_n(&level_pool, __ATOMIC_ACQUIRE);

	if (level == NULL)
		return 0;
	return from == NULL ? -EINVAL : rk_percpu_free_for(from, level, __builtin_return_address(0));
}

static void raise_peak(struct level_head *head, int64_t level)
{
	int64_t old = __atomic_load_n(&head->peak, __ATOMIC_SEQ_CST);

	while (old < level && !__atomic_compare_exchange_n(&head->peak, &old, level, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
}

static void add_shared(struct level_head *head, int64_t change)
{
	int64_t level = __atomic_add_fetch(&head->shared, change, __ATOMIC_SEQ_CST);

	if (change > 0)
		raise_peak(head, level);
}

/* Adds to the part of the CPU that the thread runs on. Returns false if the add has to go to the shared word. */
static bool add_to_part(struct rk_level *level, struct level_head *head, intptr_t change)
{
	for (int tries = 0; tries < RK_ABORTS_MAX; tries++) {
		enum rk_result outcome;
		int cpu = rk_here_by_rseq();
		intptr_t old, sum;

		if (cpu < 0)
			return false;
		old = __atomic_load_n(part_of(level, cpu), __ATOMIC_RELAXED);
		sum = old + change;
		if (sum >= -head->batch && sum <= head->batch) {
			outcome = rk_at_store_if_equal(level, old, sum, cpu);
			if (outcome == RK_DONE)
				return true;
		} else {
			add_shared(head, sum);
			outcome = rk_at_add(level, -old, cpu);
			if (outcome == RK_DONE)
				return true;
			add_shared(head, -(int64_t)sum);
		}
		if (outcome == RK_NO_RSEQ)
			return false;
	}
	return false;
}

void rk_level_add(struct rk_level *level, int64_t change)
{
	struct level_head *head = level_head_of(level);

	if (head->batch == 0 || change < -head->batch || change > head->batch || !add_to_part(level, head, (intptr_t)change))
		add_shared(head, change);
}

int64_t rk_level_get(const struct rk_level *level)
{
	uint64_t sum = (uint64_t)__atomic_load_n(&level_head_of(level)->shared, __ATOMIC_SEQ_CST);

	/* The loop includes the gaps between CPU numbers: the list of CPUs can be wrong. */
	for (int cpu = 0; cpu <= rk_cpus_get()->highest; cpu++)
		sum += (uint64_t)(int64_t)__atomic_load_n(part_of(level, cpu), __ATOMIC_RELAXED);
	return (int64_t)sum;
}

int64_t rk_level_peak(struct rk_level *level)
{
	raise_peak(level_head_of(level), rk_level_get(level));
	return __atomic_load_n(&level_head_of(level)->peak, __ATOMIC_SEQ_CST);
}

int64_t rk_level_peak_reset(struct rk_level *level)
{
	int64_t now = rk_level_get(level), peak = __atomic_exchange_n(&level_head_of(level)->peak, now, __ATOMIC_SEQ_CST);

	/* An add before the exchange compared its level with the old peak. Its effect is in the level that this read finds. */
	raise_peak(level_head_of(level), rk_level_get(level));
	return peak > now ? peak : now;
}
