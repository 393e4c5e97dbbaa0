/* SPDX-License-Identifier: MIT */
/*
 * cache_get.c - gets from a cache whose array on this CPU is empty: from the depot, from the constructor, or, in a pool
 * (`objects_max`), from the arrays of other CPUs. The invariants are in cache.c.
 */
#include "cache.h"

#include <rseqkit/ops.h>
#include <rseqkit/thread.h>

#include <errno.h>
#include "thread/bracket.h"

#define SEARCHES 100 /* attempts to find an object while other threads move objects */

/* If one more object may exist, counts it and returns true. */
static bool may_exist(struct rk_cache_shared *shared)
{
	uint64_t exist = __atomic_load_n(&shared->exist, __ATOMIC_RELAXED);

	if (shared->objects_max == 0)
		return true;
	do {
		if (exist >= shared->objects_max)
			return false;
	} while (!__atomic_compare_exchange_n(&shared->exist, &exist, exist + 1, 1, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
	return true;
}

static void *construct(const struct rk_cache *cache)
{
	struct rk_cache_shared *shared = shared_of(cache);
	void *object;

	if (shared->construct == NULL || !may_exist(shared))
		return NULL;
	object = shared->construct(shared->context);
	if (object != NULL)
		add_count(&shared->count.constructed, 1);
	else if (shared->objects_max != 0)
		__atomic_fetch_sub(&shared->exist, 1, __ATOMIC_RELEASE);
	return object;
}

/*
 * Takes an object out of the CPUs' arrays, by way of the depot. Stores in *again whether another thread was moving objects, so
 * that a further call can find one.
 */
static void *find(struct rk_cache *cache, bool *again)
{
	void *object;

	*again = false;
	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu)) {
		*again |= rk_cache_gather(cache, cpu) == -EBUSY;
		if (rk_cache_from_depot(cache, &object, 1) == 1)
			return object;
	}
	return NULL;
}

/*
 * Constructs an object. If no more objects may exist, looks into all CPUs' arrays. Meanwhile other threads can destruct objects,
 * so the constructor has its turn again.
 */
static void *construct_or_find(struct rk_cache *cache)
{
	struct rk_cache_shared *shared = shared_of(cache);
	void *object = construct(cache);
	bool again = true;

	if (object != NULL || shared->objects_max == 0 || rk_bracket_is_open())
		return object;
	add_count(&shared->count.searches, 1);
	for (int i = 0; i < SEARCHES && again; i++) {
		object = find(cache, &again);
		if (object != NULL) {
			add_count(&rk_depot_near(&shared->depot)->gets, 1);
			return object;
		}
		object = construct(cache);
		if (object != NULL)
			return object;
	}
	return NULL;
}

void *rki_cache_get_slow(struct rk_cache *cache, enum rk_result outcome)
{
	struct rk_cache_shared *shared = shared_of(cache);
	void *object, *batch[RK_CACHE_BATCH_MAX];
	size_t got, put, granted;

	outcome = rk_cache_correct_outcome(outcome);
	for (int i = 0; i < RK_ABORTS_MAX && outcome == RK_ABORTED; i++) {
		outcome = RKI_OPERATION(RKI_CACHE_KIND, bank_array_pop)(cache, 0, &object);
		if (outcome == RK_DONE)
			return object;
	}
	got = rk_cache_take_granted(cache, batch, outcome == RK_NO_RSEQ ? 1 : shared->batch);
	if (got == 0)
		return construct_or_find(cache);
	granted = got; /* one of these grants is for batch[0], which the caller gets */
	put = --got == 0 ? 0 : rk_cache_put_here(cache, batch + 1, got, &granted);
	add_count(put > 0 ? &rk_depot_near(&shared->depot)->refills : &rk_depot_near(&shared->depot)->gets, 1);
	if (put > 0 && put < shared->batch - 1)
		add_count(&shared->count.unfilled, shared->batch - 1 - put);
	/*
	 * Objects for which the array had no room go back to the depot. The other objects need no grants of their own,
	 * because the array's capacity was granted.
	 */
	got -= put;
	rk_depot_return(&shared->depot, granted >= got ? granted - got : granted);
	rk_cache_to_depot(cache, batch + 1 + put, got, granted >= got);
	return batch[0];
}

size_t rk_cache_get_batch(struct rk_cache *cache, void **objects, size_t wanted)
{
	size_t got = 0, now;

	while (got < wanted) {
		now = rk_cache_take_here(cache, objects + got, wanted - got);
		if (now == 0) {
			now = rk_cache_from_depot(cache, objects + got, wanted - got);
			if (now > 0)
				add_count(&rk_depot_near(&shared_of(cache)->depot)->gets, now);
		}
		/* The constructor can put further objects into the cache. The next pass of this loop takes these objects. */
		if (now == 0 && (objects[got] = construct_or_find(cache)) != NULL)
			now = 1;
		if (now == 0)
			break;
		got += now;
	}
	return got;
}
