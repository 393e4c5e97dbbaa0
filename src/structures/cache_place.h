/* SPDX-License-Identifier: MIT */
/*
 * cache_place.h - caches in memory of the caller, for an allocator.
 *
 * A sandbox or a limit that a process sets itself possibly refuses all memory that isn't reserved at the start. So an allocator
 * reserves the memory of all its caches at once (rk_percpu_reserve() in percpu/percpu.h). Later it makes a cache without a system
 * call.
 */
#ifndef RK_SRC_CACHE_PLACE_H
#define RK_SRC_CACHE_PLACE_H

#include <rseqkit/cache.h>
#include <stdbool.h>

/* The bytes of a cache: per-CPU memory and the depot's memory. Both are multiples of 64. */
struct rk_cache_place {
	size_t item, depot;
};

/* Calculates what a cache needs. Returns 0, or the error of rk_cache_create(). */
int rk_cache_measure(struct rk_cache_place *place, const struct rk_cache_options *options, size_t size);

/*
 * Makes a cache in an item of zeros. `depot` is memory of zeros, too. Both have the sizes that rk_cache_measure() returned for
 * the same options, and begin at multiples of 64. The function makes no system call. The cache can't be destroyed. Other threads
 * may use the cache when they get its address by an acquire load.
 */
struct rk_cache *rk_cache_create_at(void *item, void *depot, const struct rk_cache_options *options, size_t size);

/*
 * Like rk_cache_reclaim(), but for the CPU on which the caller runs, and without a fence: sections of that CPU take the objects.
 * The array keeps its capacity. With `if_idle`, does nothing if the array has changed since the previous call with `if_idle` for
 * this CPU. Does nothing without rseq, or inside rk_vfork_begin().
 */
void rk_cache_reclaim_here(struct rk_cache *cache, bool if_idle);

#endif /* RK_SRC_CACHE_PLACE_H */
