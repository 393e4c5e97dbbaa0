/* SPDX-License-Identifier: MIT */
/*
 * cache_depot.c - the depot of a cache: its magazines and its limits; see cache_depot.h. Inside a bracket (rk_vfork_begin()),
 * cache_hand.c does the work.
 *
 * The invariant: a magazine is in one of the stacks, or was never used, or is held by one thread. Only the holder accesses the
 * magazine's objects. The link in a magazine stays readable as long as the depot exists. A thread that is about to pop a
 * magazine can safely read the link, even after another thread has popped this magazine.
 */
#include "cache_stack.h"

#include <rseqkit/thread.h>

#include <errno.h>
#include <string.h>
#include "os/cpus.h"
#include "percpu/percpu_range.h"
#include "thread/bracket.h"

/*
 * Not all magazines get full, and operations hold some. A depot therefore has more magazines than the objects of its limit
 * fill: one more for every PART magazines, and SPARE more. If more operations than this hold a magazine at the same time, a put
 * finds none.
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

/* Pops a magazine from one of these stacks of this part, or from that of another part. */
static struct magazine *pop_any(struct depot *depot, const struct depot_part *part, enum depot_stack which)
{
	struct magazine *m = NULL;

	for (uint32_t i = 0; i <= depot->last_part && m == NULL; i++)
		m = pop(depot, &part_after(depot, part, i)->stacks[which]);
	return m;
}

/* Pops a magazine with objects: a begun one, so that few magazines are only partly full, or a full one. */
static struct magazine *magazine_with_objects(struct depot *depot, struct depot_part *part)
{
	struct magazine *m = pop(depot, &part->stacks[DEPOT_BEGUN]);

	if (m == NULL)
		m = pop_any(depot, part, DEPOT_FULL);
	return m != NULL ? m : pop_any(depot, part, DEPOT_BEGUN);
}

/* Pops a magazine with room: a begun one, for the same reason, or an empty one, or one that was never used. */
static struct magazine *magazine_with_room(struct depot *depot, struct depot_part *part)
{
	struct magazine *m = pop(depot, &part->stacks[DEPOT_BEGUN]);

	if (m == NULL)
		m = pop_any(depot, part, DEPOT_EMPTY);
	if (m == NULL)
		m = fresh_magazine(depot);
	return m != NULL ? m : pop_any(depot, part, DEPOT_BEGUN);
}

static uint64_t magazines_for(uint64_t limit)
{
	return limit / RK_CACHE_BATCH_MAX * (PART + 1) / PART + SPARE;
}

/* Machines with few CPUs use only some of the parts, so that they don't search the others. */
static uint32_t last_part(void)
{
	int highest = rk_cpus_get()->highest;
	uint32_t parts = 1;

	while (parts < DEPOT_PARTS && parts <= (uint32_t)highest)
		parts *= 2;
	return parts - 1;
}

size_t rk_depot_bytes(uint64_t limit)
{
	return magazines_for(limit) * sizeof(struct magazine);
}

void rk_depot_create_at(struct depot *depot, void *memory, uint64_t limit, struct rk_cache_budget *budget, uint64_t weight)
{
	*depot = (struct depot){.fresh = KIND_FRESH,
				.last_part = last_part(),
				.magazines = (uint32_t)magazines_for(limit),
				.mapped = rk_depot_bytes(limit),
				.memory = memory,
				.limit = limit,
				.weight = weight,
				.budget = budget};
	for (uint64_t i = 0; i < DEPOT_STACKS * DEPOT_PARTS; i++)
		depot->parts[i / DEPOT_STACKS].stacks[i % DEPOT_STACKS] = i << KIND_AT;
	depot->parts[0].left = (int32_t)limit;
}

int rk_depot_create(struct depot *depot, uint64_t limit, struct rk_cache_budget *budget, uint64_t weight)
{
	void *memory = rk_map_lazily(rk_depot_bytes(limit));

	if (memory == NULL)
		return -ENOMEM;
	rk_depot_create_at(depot, memory, limit, budget, weight);
	return 0;
}

void rk_depot_destroy(struct depot *depot)
{
	(void)rk_hand_settle(depot);
	if (depot->budget != NULL)
		__atomic_fetch_add(&depot->budget->left, ((int64_t)depot->limit - rk_depot_left(depot)) * (int64_t)depot->weight,
				   __ATOMIC_RELAXED);
	rk_unmap(depot->memory, depot->mapped);
	depot->memory = NULL;
}

/* Takes from the budget for up to `wanted` objects. Returns for how many. */
static uint64_t take_budget(const struct depot *depot, uint64_t wanted)
{
	int64_t *left = &depot->budget->left, had = __atomic_load_n(left, __ATOMIC_RELAXED);
	uint64_t got;

	do {
		got = had <= 0 ? 0 : (uint64_t)had / depot->weight;
		got = got < wanted ? got : wanted;
		if (got == 0)
			return 0;
	} while (!__atomic_compare_exchange_n(left, &had, had - (int64_t)(got * depot->weight), 1, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	return got;
}

static uint64_t grant(struct depot *depot, uint64_t wanted)
{
	uint64_t got = rk_depot_take_left(depot, wanted), both = got;

	if (got != 0 && depot->budget != NULL)
		both = take_budget(depot, got);
	if (both < got)
		rk_depot_give_left(depot, got - both);
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
	rk_depot_give_left(depot, granted);
	if (depot->budget != NULL)
		__atomic_fetch_add(&depot->budget->left, (int64_t)(granted * depot->weight), __ATOMIC_RELAXED);
}

size_t rk_depot_take(struct depot *depot, void **objects, size_t count)
{
	struct depot_part *part;
	struct magazine *m;

	if (rk_bracket_is_open())
		return rk_hand_take(depot, objects, count);
	part = rk_depot_near(depot);
	m = count == 0 ? NULL : magazine_with_objects(depot, part);
	if (m == NULL && count != 0 && rk_hand_settle(depot))
		m = magazine_with_objects(depot, part);
	if (m == NULL)
		return 0;
	count = count < m->count ? count : m->count;
	memcpy(objects, m->objects + (m->count - count), count * sizeof(*objects));
	set_count(m, m->count - (uint32_t)count);
	rk_depot_push(depot, part, m);
	__atomic_fetch_sub(&part->objects, (uint32_t)count, __ATOMIC_RELAXED);
	return count;
}

size_t rk_depot_put(struct depot *depot, void *const *objects, size_t count)
{
	struct depot_part *part;
	struct magazine *m;

	if (rk_bracket_is_open())
		return rk_hand_put(depot, objects, count);
	part = rk_depot_near(depot);
	m = count == 0 ? NULL : magazine_with_room(depot, part);
	if (m == NULL)
		return 0;
	count = count < RK_CACHE_BATCH_MAX - m->count ? count : RK_CACHE_BATCH_MAX - m->count;
	memcpy(m->objects + m->count, objects, count * sizeof(*objects));
	set_count(m, m->count + (uint32_t)count);
	__atomic_fetch_add(&part->objects, (uint32_t)count, __ATOMIC_RELAXED);
	rk_depot_push(depot, part, m);
	return count;
}
