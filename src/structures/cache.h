/* SPDX-License-Identifier: MIT */
/*
 * cache.h - for the source files of caches (rseqkit/cache.h): how a cache is laid out in its item of per-CPU memory. The item
 * has a slot for each CPU. A slot has two arrays of objects, its banks, of which one is in use (rseqkit/bank.h). All CPUs share
 * the depot, which has further objects in batches, called magazines (cache_depot.h).
 */
#ifndef RK_SRC_CACHE_H
#define RK_SRC_CACHE_H

#include <rseqkit/cache.h>
#include <rseqkit/remote.h>
#include <stdbool.h>
#include "cache_depot.h"

#define SECOND_STATE INTPTR_MIN /* the state (struct rk_array) with which the second bank begins */

/*
 * How many objects a slow path moves at a time where speed doesn't matter. Such a slow path has an array of this size
 * on its stack, and the stack of a thread or a signal handler can be small.
 */
#define PIECE 64

/* A CPU's slot begins with this struct. The slot's two banks follow. */
struct arrays {
	struct rk_bank_slot slot;
	intptr_t seen; /* the array's state when rk_cache_reclaim_idle() or rk_cache_reclaim_here() last read it */
};

#define BANKS_AT 64 /* bytes from the slot to its first bank */

/* The contents of the item's reserve slot, which belongs to no CPU. */
struct rk_cache_shared {
	struct depot depot;
	uint32_t per_cpu, batch;
	size_t bank_size;
	void *(*construct)(void *context);
	void (*destruct)(void *context, void *object);
	void (*destruct_batch)(void *context, void *const *objects, size_t count);
	void *context;
	uint64_t objects_max; /* how many objects may exist; 0 if there is no such limit */
	/* If objects_max isn't 0: how many objects the constructor made or is making, less those that were destructed. */
	_Alignas(8) uint64_t exist;
	/*
	 * These numbers and those in the depot's parts (cache_depot.h) make the report. A refill moves one object to the caller and
	 * the rest of a batch to an array, and a flush moves a batch to the depot. `unfilled` and `unflushed` count how many objects
	 * fewer were moved.
	 */
	struct {
		_Alignas(8) uint64_t unfilled; /* on 32-bit x86, too */
		uint64_t unflushed, constructed, destructed, reclaimed;
		uint64_t renewed; /* banks that were taken */
		uint64_t searches;
	} count;
};

static inline struct rk_cache_shared *shared_of(const struct rk_cache *cache)
{
	return (struct rk_cache_shared *)rk_percpu_slot(cache, RK_INDEX_RESERVE);
}

static inline struct arrays *arrays_of(const struct rk_cache *cache, int cpu)
{
	return (struct arrays *)rk_percpu_slot(cache, cpu);
}

static inline struct rk_array *array_of(const struct rk_cache *cache, int cpu, int which)
{
	return (struct rk_array *)(void *)((char *)arrays_of(cache, cpu) + BANKS_AT +
					   (size_t)which * shared_of(cache)->bank_size);
}

static inline void **elements_of(struct rk_array *array)
{
	return (void **)(array + 1);
}

static inline intptr_t array_state(const struct rk_array *array)
{
	return __atomic_load_n(&array->state, __ATOMIC_ACQUIRE);
}

static inline intptr_t capacity_of(const struct rk_array *array)
{
	return __atomic_load_n(&array->capacity, __ATOMIC_RELAXED);
}

/*
 * Returns an array's state after it is advanced by `step`. A state has the array's length and a count of moved objects (ops.h).
 * This count wraps, so the addition is unsigned.
 */
static inline intptr_t stepped(intptr_t state, intptr_t step)
{
	return (intptr_t)((uintptr_t)state + (uintptr_t)step);
}

static inline size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static inline void add_count(uint64_t *counter, uint64_t by)
{
	__atomic_fetch_add(counter, by, __ATOMIC_RELAXED);
}

void rk_cache_destruct(const struct rk_cache *cache, void *const *objects, size_t n);

/*
 * Returns the array of a CPU's slot. Opens the slot if it was never opened (rseqkit/bank.h). Returns NULL if the slot is
 * closed, or the CPU isn't possible.
 */
struct rk_array *rk_cache_array(const struct rk_cache *cache, int cpu);

/* Takes up to n objects from this CPU's array. Returns how many it took: 0 if the array is empty or can't be used. */
size_t rk_cache_take_here(struct rk_cache *cache, void **objects, size_t n);

/*
 * Puts up to n objects into this CPU's array, and grows the array if possible. The caller has grants for *granted objects,
 * and the function subtracts those that it used to grow the array. Returns how many objects it put: 0 if the array is full or
 * can't be used.
 */
size_t rk_cache_put_here(struct rk_cache *cache, void *const *objects, size_t n, size_t *granted);

/*
 * Takes up to n objects from the depot, which keep their grants. When other threads hold all of the depot's magazines that
 * have objects, the function tries again, at most 100 times. The number is limited because a signal handler must not
 * wait for ever for the thread that it interrupted.
 */
size_t rk_cache_take_granted(struct rk_cache *cache, void **objects, size_t n);

/*
 * Returns the outcome of a fast path, corrected. Inside a bracket (rk_vfork_begin()) the outcome becomes RK_NO_RSEQ. If the
 * thread wasn't registered, rki_leave() tries to register it.
 */
enum rk_result rk_cache_correct_outcome(enum rk_result outcome);

/*
 * Puts objects into the depot, and destructs the objects for which there is no room. `granted` says whether the objects
 * already count against the cache's limit (have grants, cache_depot.h). If not, this function requests grants for them.
 */
void rk_cache_to_depot(struct rk_cache *cache, void *const *objects, size_t n, bool granted);

/*
 * Moves the objects of a CPU's array to the depot, if the array has any. Returns 0, or an error of rk_cache_reclaim().
 */
int rk_cache_gather(struct rk_cache *cache, int cpu);

/*
 * Takes up to n objects from the depot, at most those of one magazine, and gives their grants back to the limit
 * (cache_depot.h). Returns how many objects it took.
 */
size_t rk_cache_from_depot(struct rk_cache *cache, void **objects, size_t n);

#endif /* RK_SRC_CACHE_H */
