/* SPDX-License-Identifier: MIT */
/*
 * cache_reclaim.c - takes objects out of a cache's arrays and depot (rk_cache_reclaim(), rk_cache_trim()), and reports on the
 * cache. Each CPU has a slot with two arrays of objects, the banks, of which one is in use. The invariants are in cache.c.
 */
#include "cache.h"
#include "cache_place.h"

#include <rseqkit/thread.h>

#include <errno.h>
#include <string.h>
#include "os/answer.h"
#include "os/cpus.h"
#include "sync/bank.h"
#include "thread/bracket.h"

#define MOVED_MASK (RK_ARRAY_MOVED(INTPTR_MIN) * 2 - 1) /* the bits of an array's state that count moved objects */

/*
 * Empties a bank, an array that the caller took from its slot (cache.c): its objects go to the depot or are destructed. After
 * that the bank is the slot's spare bank.
 */
static void empty(struct rk_cache *cache, struct rk_array *array)
{
	struct rk_cache_shared *shared = shared_of(cache);
	intptr_t state = array_state(array), capacity = capacity_of(array);
	size_t length = (size_t)RK_ARRAY_LENGTH(state), now;

	__atomic_store_n(&array->capacity, 0, __ATOMIC_RELAXED);
	state = stepped(state, RK_ARRAY_PUSHED(1) + RK_ARRAY_POPPED(1));
	__atomic_store_n(&array->state, state, __ATOMIC_RELEASE);
	add_count(&shared->count.renewed, 1);
	if ((size_t)capacity > length) /* a child that is forked before this line loses these grants, because capacity is 0 */
		rk_depot_return(&shared->depot, (size_t)capacity - length);
	for (; length > 0; length -= now) {
		void *batch[PIECE];

		now = least(length, PIECE);
		memcpy(batch, elements_of(array) + length - now, now * sizeof(batch[0]));
		state = stepped(state, RK_ARRAY_POPPED(now));
		__atomic_store_n(&array->state, state, __ATOMIC_RELEASE);
		add_count(&shared->count.reclaimed, now);
		rk_cache_to_depot(cache, batch, now, true);
	}
}

/*
 * The caller holds the claim of the CPU's slot (rseqkit/remote.h). Takes the bank in use, and empties it. Returns 1 if an
 * earlier call had taken a bank and not emptied it. In that case this call has emptied only that bank, and the bank in use
 * has to be emptied, too.
 */
static int empty_bank(struct rk_cache *cache, int cpu)
{
	struct rk_array *first = array_of(cache, cpu, 0), *second = array_of(cache, cpu, 1);
	void *bank;
	int r;

	if (array_state(second) == 0 && rk_cache_array(cache, cpu) != second) /* second was never in use */
		__atomic_store_n(&second->state, SECOND_STATE, __ATOMIC_RELEASE);
	r = rk_bank_take_of_two(cache, cpu, first, second, &bank);
	if (r >= 0 && bank != NULL)
		empty(cache, bank);
	return r;
}

/* Returns whether the CPU has neither objects nor capacity to take. */
static bool has_nothing(const struct rk_cache *cache, int cpu)
{
	const struct rk_bank_slot *slot = &arrays_of(cache, cpu)->slot;
	intptr_t word = __atomic_load_n(&slot->bank, __ATOMIC_ACQUIRE);

	return word == 0 || (rk_bank_is_open(word) && !rk_bank_is_out(slot) && capacity_of(rk_cache_array(cache, cpu)) == 0);
}

/*
 * Returns whether the CPU's array has another state than at the last call. Two threads that call this at the same time can get
 * the same answer.
 */
static bool is_news(struct arrays *arrays, intptr_t state)
{
	bool is = __atomic_load_n(&arrays->seen, __ATOMIC_RELAXED) != state;

	if (is)
		__atomic_store_n(&arrays->seen, state, __ATOMIC_RELAXED);
	return is;
}

/* Reclaims the objects of one CPU. The caller holds the claim of the CPU's slot. */
static int reclaim_claimed(struct rk_cache *cache, int cpu, bool if_idle)
{
	struct arrays *arrays = arrays_of(cache, cpu);
	intptr_t state;

	if (has_nothing(cache, cpu))
		return 0;
	if (if_idle && !rk_bank_is_out(&arrays->slot)) {
		state = array_state(rk_cache_array(cache, cpu));
		if (is_news(arrays, state))
			return 0;
	}
	return empty_bank(cache, cpu);
}

static int reclaim(struct rk_cache *cache, int cpu, bool if_idle)
{
	int r;

	if (!rk_cpus_has(rk_cpus_get(), cpu))
		return -EINVAL;
	if (has_nothing(cache, cpu))
		return 0;
	if (rk_bracket_is_open())
		return -EBUSY; /* a vfork child can be killed while it has objects */
	do {
		r = rk_bank_begin_try(cache, cpu);
		if (r < 0)
			return r;
		r = reclaim_claimed(cache, cpu, if_idle && r == 0);
		(void)rk_bank_done(cache, cpu);
	} while (r == 1);
	return r;
}

int rk_cache_reclaim(struct rk_cache *cache, int cpu)
{
	return cache == NULL ? -EINVAL : reclaim(cache, cpu, false);
}

/*
 * If the fence of a reclaim fails, no thread can take the array's objects, not even on the array's own CPU. The first fence here
 * shows whether fences work.
 */
int rk_cache_gather(struct rk_cache *cache, int cpu)
{
	const struct rk_bank_slot *slot = &arrays_of(cache, cpu)->slot;
	intptr_t word = __atomic_load_n(&slot->bank, __ATOMIC_ACQUIRE);
	int r;

	if (word == 0 ||
	    (rk_bank_is_open(word) && !rk_bank_is_out(slot) && RK_ARRAY_LENGTH(array_state(rk_bank_in(word))) == 0))
		return 0;
	r = rk_fence_cpu(cpu);
	return r < 0 ? r : reclaim(cache, cpu, false);
}

int rk_cache_reclaim_idle(struct rk_cache *cache)
{
	int result = 0;

	if (cache == NULL)
		return -EINVAL;
	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu)) {
		int r = reclaim(cache, cpu, true);

		result = r < 0 ? r : result;
	}
	return result;
}

/* Returns how many objects were taken from an array between two of its states. */
static size_t taken_between(intptr_t before, intptr_t after)
{
	uintptr_t moved = RK_ARRAY_MOVED(after) - RK_ARRAY_MOVED(before);
	uintptr_t more = (uintptr_t)(RK_ARRAY_LENGTH(after) - RK_ARRAY_LENGTH(before));

	return ((moved - more) & MOVED_MASK) / 2;
}

void rk_cache_reclaim_here(struct rk_cache *cache, bool if_unneeded)
{
	int cpu = rk_cpu();
	const struct rk_array *array = rk_cache_array(cache, cpu);
	void *batch[PIECE];
	size_t now, length, keep = 0;
	intptr_t state;

	if (array == NULL)
		return;
	state = array_state(array);
	length = (size_t)RK_ARRAY_LENGTH(state);
	if (if_unneeded)
		keep = taken_between(__atomic_load_n(&arrays_of(cache, cpu)->seen, __ATOMIC_RELAXED), state);
	for (; length > keep; length -= now) {
		now = rk_cache_take_here(cache, batch, least(length - keep, PIECE));
		if (now == 0)
			break;
		add_count(&shared_of(cache)->count.reclaimed, now);
		rk_cache_to_depot(cache, batch, now, false);
	}
	__atomic_store_n(&arrays_of(cache, cpu)->seen, array_state(array), __ATOMIC_RELAXED);
}

size_t rk_cache_trim(struct rk_cache *cache, size_t keep)
{
	void *batch[PIECE];
	size_t done = 0, wanted = 0, now = 1;
	int64_t there;

	if (cache == NULL)
		return 0;
	there = rk_depot_objects(&shared_of(cache)->depot);
	if (there > 0 && (uint64_t)there > keep)
		wanted = (size_t)there - keep;
	for (; done < wanted && now > 0; done += now) {
		now = rk_cache_from_depot(cache, batch, rk_bracket_is_open() ? 1 : least(wanted - done, PIECE));
		rk_cache_destruct(cache, batch, now);
	}
	return done;
}

/* Adds an array's numbers of puts and gets, its objects and its capacity to the report. */
static void count_array(const struct rk_array *array, bool second, struct rk_cache_report *report)
{
	intptr_t state = array_state(array);
	uint64_t length = (uint64_t)RK_ARRAY_LENGTH(state), moved;

	if (second && state == 0)
		return; /* this second bank was never in use */
	moved = RK_ARRAY_MOVED(second ? (intptr_t)((uintptr_t)state - (uintptr_t)SECOND_STATE) : state);
	report->array_puts += ((moved + length) & MOVED_MASK) / 2;
	report->array_gets += ((moved - length) & MOVED_MASK) / 2;
	report->in_arrays += length;
	report->capacity += (uint64_t)capacity_of(array);
}

int rk_cache_query(const struct rk_cache *cache, struct rk_cache_report *out, size_t size)
{
	struct rk_cache_report report = {0};
	const struct rk_cache_shared *shared;
	int64_t objects, left;

	if (cache == NULL || out == NULL)
		return -EINVAL;
	shared = shared_of(cache);
	(void)rk_hand_settle(&shared_of(cache)->depot);
	for (int cpu = 0; cpu <= rk_cpus_get()->highest; cpu++) {
		if (__atomic_load_n(&arrays_of(cache, cpu)->slot.bank, __ATOMIC_RELAXED) == 0)
			continue;
		count_array(array_of(cache, cpu, 0), false, &report);
		count_array(array_of(cache, cpu, 1), true, &report);
	}
#define COUNT(what) __atomic_load_n(&shared->count.what, __ATOMIC_RELAXED)
	for (uint32_t i = 0; i <= shared->depot.last_part; i++) {
		const struct depot_part *part = &shared->depot.parts[i];

		report.refills += __atomic_load_n(&part->refills, __ATOMIC_RELAXED);
		report.flushes += __atomic_load_n(&part->flushes, __ATOMIC_RELAXED);
		report.depot_gets += __atomic_load_n(&part->gets, __ATOMIC_RELAXED);
		report.depot_puts += __atomic_load_n(&part->puts, __ATOMIC_RELAXED);
	}
	report.depot_gets += report.refills;
	report.array_puts -= report.refills * (shared->batch - 1) - COUNT(unfilled) + COUNT(renewed);
	report.array_gets -= report.flushes * shared->batch - COUNT(unflushed) + COUNT(reclaimed) + COUNT(renewed);
	report.constructed = COUNT(constructed);
	report.destructed = COUNT(destructed);
	report.reclaimed = COUNT(reclaimed);
	report.searches = COUNT(searches);
	report.gets = report.array_gets + report.depot_gets + report.constructed;
	report.puts = report.array_puts + report.depot_puts;
#undef COUNT
	/* While threads move objects from one part to another, these sums of the parts can be negative. */
	objects = rk_depot_objects(&shared->depot);
	report.in_depot = objects > 0 ? (uint64_t)objects : 0;
	left = rk_depot_left(&shared->depot);
	report.left = left > 0 ? (uint64_t)left : 0;
	rk_answer(out, size, &report, sizeof(report));
	return 0;
}
