/* SPDX-License-Identifier: MIT */
/*
 * cache_parts.c - the parts of a cache's depot (cache_depot.h). Takes from and gives back to the limit. Pushes a magazine, which
 * is a batch of objects, to a stack (cache_stack.h).
 */
#include "cache_stack.h"

/* Takes up to `wanted` from *left. Returns how many it took. */
static uint64_t take_up_to(int32_t *left, uint64_t wanted)
{
	int32_t had = __atomic_load_n(left, __ATOMIC_RELAXED), got;

	do {
		got = had <= 0 ? 0 : (uint64_t)had < wanted ? had : (int32_t)wanted;
		if (got == 0)
			return 0;
	} while (!__atomic_compare_exchange_n(left, &had, had - got, 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return (uint64_t)got;
}

int64_t rk_depot_left(const struct depot *depot)
{
	int64_t left = -(int64_t)__atomic_load_n(&depot->debt, __ATOMIC_RELAXED);

	for (uint32_t i = 0; i <= depot->last_part; i++)
		left += __atomic_load_n(&depot->parts[i].left, __ATOMIC_RELAXED);
	return left;
}

uint64_t rk_depot_take_left(struct depot *depot, uint64_t wanted)
{
	struct depot_part *part = rk_depot_near(depot);
	uint64_t got = 0;

	for (uint32_t i = 0; i <= depot->last_part && got < wanted; i++)
		got += take_up_to(&part_after(depot, part, i)->left, wanted - got);
	return got;
}

void rk_depot_give_left(struct depot *depot, uint64_t count)
{
	if (RKI_UNLIKELY(__atomic_load_n(&depot->debt, __ATOMIC_RELAXED) > 0))
		count -= take_up_to(&depot->debt, count);
	__atomic_fetch_add(&rk_depot_near(depot)->left, (int32_t)count, __ATOMIC_RELAXED);
}

void rk_depot_push(struct depot *depot, struct depot_part *part, struct magazine *m)
{
	uint64_t *stack = stack_for(part, m->count), old = __atomic_load_n(stack, __ATOMIC_RELAXED);

	do {
		acknowledge(depot, old);
		set_next(m, old);
	} while (!__atomic_compare_exchange_n(stack, &old, changed(old, number_of(depot, m)), 1, __ATOMIC_ACQ_REL,
					      __ATOMIC_RELAXED));
}
