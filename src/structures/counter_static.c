/* SPDX-License-Identifier: MIT */
/*
 * counter_static.c - counters and groups of counters that are created on their first use (rseqkit/counter.h).
 *
 * While the counter can't be created, adds go to the word `early`. The invariant: each add is in `early` or in the counter, or a
 * thread is moving it to the counter. A thread that adds to `early` loads the counter's address afterwards. The thread that
 * created the counter stores this address, and then moves the adds that are in `early`. At least one of these two threads moves
 * the add.
 */
#include <rseqkit/counter.h>

#include <errno.h>
#include "first_use.h"

static void move(struct rk_counter_static *of, struct rk_counter *counter)
{
	int64_t early = __atomic_exchange_n(&of->early, 0, __ATOMIC_SEQ_CST);

	if (early != 0)
		rk_counter_add(counter, early);
}

struct rk_counter *rk_counter_static_get(struct rk_counter_static *of)
{
	struct rk_counter *there = __atomic_load_n(&of->counter, __ATOMIC_ACQUIRE), *made;

	if (there != NULL || rk_counter_create(&made) < 0)
		return there;
	if (!__atomic_compare_exchange_n(&of->counter, &there, made, 0, __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE)) {
		(void)rk_counter_destroy(made); /* another thread was faster */
		return there;
	}
	move(of, made);
	return made;
}

int64_t rk_counter_static_sum(const struct rk_counter_static *of)
{
	const struct rk_counter *counter = __atomic_load_n(&of->counter, __ATOMIC_ACQUIRE);

	return __atomic_load_n(&of->early, __ATOMIC_RELAXED) + (counter == NULL ? 0 : rk_counter_sum(counter));
}

int rk_counter_static_destroy(struct rk_counter_static *of)
{
	struct rk_counter *counter;

	if (of == NULL)
		return -EINVAL;
	counter = __atomic_exchange_n(&of->counter, NULL, __ATOMIC_ACQ_REL);
	__atomic_store_n(&of->early, 0, __ATOMIC_RELAXED);
	return rk_counter_destroy(counter);
}

void rki_counter_static_add_slow(struct rk_counter_static *of, int64_t value)
{
	struct rk_counter *counter = __atomic_load_n(&of->counter, __ATOMIC_ACQUIRE);

	if (counter == NULL && rk_first_use_tries()) {
		counter = rk_counter_static_get(of);
		rk_first_use_tried(counter != NULL);
	}
	if (counter != NULL) {
		rk_counter_add(counter, value);
		return;
	}
	__atomic_fetch_add(&of->early, value, __ATOMIC_SEQ_CST);
	counter = __atomic_load_n(&of->counter, __ATOMIC_SEQ_CST);
	if (counter != NULL)
		move(of, counter);
}

static void move_all(struct rk_counter_group_static *of, struct rk_counter_group *group)
{
	for (size_t i = 0; i < of->count; i++) {
		int64_t early = __atomic_exchange_n(&of->early[i], 0, __ATOMIC_SEQ_CST);

		if (early != 0)
			rk_counter_group_add(group, i, early);
	}
}

struct rk_counter_group *rk_counter_group_static_get(struct rk_counter_group_static *of)
{
	struct rk_counter_group *there = __atomic_load_n(&of->group, __ATOMIC_ACQUIRE), *made;

	if (there != NULL || rk_counter_group_create(&made, of->names, of->count) < 0)
		return there;
	if (!__atomic_compare_exchange_n(&of->group, &there, made, 0, __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE)) {
		(void)rk_counter_group_destroy(made);
		return there;
	}
	move_all(of, made);
	return made;
}

int rk_counter_group_static_destroy(struct rk_counter_group_static *of)
{
	struct rk_counter_group *group;

	if (of == NULL)
		return -EINVAL;
	group = __atomic_exchange_n(&of->group, NULL, __ATOMIC_ACQ_REL);
	for (size_t i = 0; i < of->count; i++)
		__atomic_store_n(&of->early[i], 0, __ATOMIC_RELAXED);
	return rk_counter_group_destroy(group);
}

void rki_counter_group_static_add_slow(struct rk_counter_group_static *of, size_t which, int64_t value)
{
	struct rk_counter_group *group = __atomic_load_n(&of->group, __ATOMIC_ACQUIRE);

	if (group == NULL && rk_first_use_tries()) {
		group = rk_counter_group_static_get(of);
		rk_first_use_tried(group != NULL);
	}
	if (group != NULL) {
		rk_counter_group_add(group, which, value);
		return;
	}
	__atomic_fetch_add(&of->early[which], value, __ATOMIC_SEQ_CST);
	group = __atomic_load_n(&of->group, __ATOMIC_SEQ_CST);
	if (group != NULL)
		move_all(of, group);
}
