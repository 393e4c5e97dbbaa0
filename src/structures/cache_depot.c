/* SPDX-License-Identifier: MIT */
/*
 * cache_depot.c - the depot of a cache: its magazines and its limits; see cache_depot.h. Inside a bracket (rk_vfork_begin()),
 * cache_hand.c does the work.
 *
 * The invariant: a magazine is in one of the two stacks, or was never used, or is held by one thread. Only the holder accesses
 * the magazine's objects. The link in a magazine stays readable as long as the depot exists. So a thread that is about to pop a
 * magazine can safely read the link, even after another thread has popped this magazine.
 */
#include "cache_stack.h"

#include <errno.h>
#include <string.h>
#include "percpu/percpu_range.h"
#include "thread/bracket.h"

/*
 * Not all magazines get full. So a depot has more magazines than the objects of its limit fill: one more for every PART
 * magazines, and SPARE more.
 */
#define SPARE 64
#define PART 16

static struct magazine *pop(struct depot *depot, uint64_t *stack)
{
	uint64_t old = __atomic_load_n(stack, __ATOMIC_ACQUIRE);
	struct magazine *m;
	uint32_t next;

	do {
		if ((old & NUMBER_MASK) == 0)
			return NULL;
		acknowledge(depot, old);
		m = magazine_of(depot, old & NUMBER_MASK);
		next = next_of(m);
	} while (!__atomic_compare_exchange_n(stack, &old, changed(old, next), 1, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	return m;
}

/* Returns a magazine that was never used, or NULL if none is left. */
static struct magazine *fresh_magazine(struct depot *depot)
{
	uint64_t old = __atomic_load_n(&depot->fresh, __ATOMIC_RELAXED), number;

	do {
		number = (old & NUMBER_MASK) + 1;
		if (number > depot->magazines)
			return NULL;
		acknowledge(depot, old);
	} while (!__atomic_compare_exchange_n(&depot->fresh, &old, changed(old, number), 1, __ATOMIC_ACQ_REL,
					      __ATOMIC_RELAXED));
	return magazine_of(depot, number);
}

static struct magazine *empty_magazine(struct depot *depot)
{
	struct magazine *m = pop(depot, &depot->empty);

	return m != NULL ? m : fresh_magazine(depot);
}

static uint64_t magazines_for(uint64_t limit)
{
	return limit / RK_CACHE_BATCH_MAX * (PART + 1) / PART + SPARE;
}

size_t rk_depot_bytes(uint64_t limit)
{
	return magazines_for(limit) * sizeof(struct magazine);
}

void rk_depot_create_at(struct depot *depot, void *memory, uint64_t limit, struct rk_cache_budget *budget, uint64_t weight)
{
	*depot = (struct depot){.full = KIND_FULL,
				.empty = KIND_EMPTY,
				.fresh = KIND_FRESH,
				.magazines = (uint32_t)magazines_for(limit),
				.mapped = rk_depot_bytes(limit),
				.memory = memory,
				.left = (int64_t)limit,
				.limit = limit,
				.weight = weight,
				.budget = budget};
}

int rk_depot_create(struct depot *depot, uint64_t limit, struct rk_cache_budget *budget, uint64_t weight)
{
	void *memory = rk_map_lazily(rk_depot_bytes(limit));

	if (memory == NULL)
		return -ENOMEM;
	rk_depot_create_at(depot, memory, limit, budget, weight);
	return 0;
}

static uint64_t take_up_to(int64_t *left, uint64_t wanted, uint64_t unit)
{
	int64_t had = __atomic_load_n(left, __ATOMIC_RELAXED);
	uint64_t got;

	do {
		got = had <= 0 ? 0 : (uint64_t)had / unit < wanted ? (uint64_t)had / unit : wanted;
		if (got == 0)
			return 0;
	} while (!__atomic_compare_exchange_n(left, &had, had - (int64_t)(got * unit), 1, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	return got;
}

void rk_depot_destroy(struct depot *depot)
{
	(void)rk_hand_settle(depot);
	if (depot->budget != NULL)
		__atomic_fetch_add(&depot->budget->left, (int64_t)((depot->limit - (uint64_t)depot->left) * depot->weight),
				   __ATOMIC_RELAXED);
	rk_unmap(depot->memory, depot->mapped);
	depot->memory = NULL;
}

static uint64_t grant(struct depot *depot, uint64_t wanted)
{
	uint64_t got = take_up_to(&depot->left, wanted, 1), both = got;

	if (got != 0 && depot->budget != NULL)
		both = take_up_to(&depot->budget->left, got, depot->weight);
	if (both < got)
		__atomic_fetch_add(&depot->left, (int64_t)(got - both), __ATOMIC_RELAXED);
	return both;
}

uint64_t rk_depot_grant(struct depot *depot, uint64_t wanted)
{
	if (rk_bracket_is_open())
		return rk_hand_room(depot, wanted);
	/*
	 * Objects of the magazine in hand (cache_hand.c) count against the limits. If another thread holds the claim (claim.h)
	 * to change this magazine, rk_hand_room() estimates the number of these objects.
	 */
	if (RKI_UNLIKELY(rk_hand_is_used(depot)) && !rk_hand_settle(depot))
		wanted = rk_hand_room(depot, wanted);
	return grant(depot, wanted);
}

void rk_depot_return(struct depot *depot, uint64_t granted)
{
	if (granted == 0 || rk_bracket_is_open())
		return;
	__atomic_fetch_add(&depot->left, (int64_t)granted, __ATOMIC_RELAXED);
	if (depot->budget != NULL)
		__atomic_fetch_add(&depot->budget->left, (int64_t)(granted * depot->weight), __ATOMIC_RELAXED);
}

size_t rk_depot_take(struct depot *depot, void **objects, size_t count)
{
	struct magazine *m;

	if (rk_bracket_is_open())
		return rk_hand_take(depot, objects, count);
	m = count == 0 ? NULL : pop(depot, &depot->full);
	if (m == NULL && count != 0 && rk_hand_settle(depot))
		m = pop(depot, &depot->full);
	if (m == NULL)
		return 0;
	count = count < m->count ? count : m->count;
	memcpy(objects, m->objects + (m->count - count), count * sizeof(*objects));
	set_count(m, m->count - (uint32_t)count);
	rk_depot_push(depot, m->count > 0 ? &depot->full : &depot->empty, m);
	__atomic_fetch_sub(&depot->objects, (int64_t)count, __ATOMIC_RELAXED);
	return count;
}

/*
 * Pops the top magazine of the stack `full`, if this magazine seems to have room. rk_depot_put() fills such magazines first,
 * so that few magazines are only partly full.
 */
static struct magazine *begun_magazine(struct depot *depot)
{
	uint64_t number = __atomic_load_n(&depot->full, __ATOMIC_ACQUIRE) & NUMBER_MASK;
	struct magazine *m;

	if (number == 0 || __atomic_load_n(&magazine_of(depot, number)->count, __ATOMIC_RELAXED) == RK_CACHE_BATCH_MAX)
		return NULL;
	m = pop(depot, &depot->full);
	if (m == NULL || m->count < RK_CACHE_BATCH_MAX)
		return m;
	rk_depot_push(depot, &depot->full, m);
	return NULL;
}

size_t rk_depot_put(struct depot *depot, void *const *objects, size_t count)
{
	struct magazine *m;

	if (rk_bracket_is_open())
		return rk_hand_put(depot, objects, count);
	m = count == 0 ? NULL : begun_magazine(depot);
	if (m == NULL && count != 0)
		m = empty_magazine(depot);
	if (m == NULL)
		return 0;
	count = count < RK_CACHE_BATCH_MAX - m->count ? count : RK_CACHE_BATCH_MAX - m->count;
	memcpy(m->objects + m->count, objects, count * sizeof(*objects));
	set_count(m, m->count + (uint32_t)count);
	__atomic_fetch_add(&depot->objects, (int64_t)count, __ATOMIC_RELAXED);
	rk_depot_push(depot, &depot->full, m);
	return count;
}
