/* SPDX-License-Identifier: MIT */
/*
 * cache_place.h - caches whose memory is reserved in advance, for the allocator in malloc/.
 *
 * After a process has set itself a limit or a seccomp filter, the kernel can refuse new memory. An allocator therefore reserves
 * the memory of all its caches at the start. Later it makes a cache without a system call.
 */
#ifndef RK_SRC_CACHE_PLACE_H
#define RK_SRC_CACHE_PLACE_H

#include <rseqkit/cache.h>
#include <stdbool.h>

/* The memory of a cache: its item of per-CPU memory, and the memory of its depot, where objects are that no CPU's array has. */
struct rk_cache_place {
	void *item, *depot;
};

/*
 * Reserves the memory of `count` caches with these options. Returns 0, or the error of rk_cache_create(). Also returns -ENOMEM
 * if the memory would be more than `most` bytes, or more than RK_STRIDE bytes for each CPU. The memory is never freed.
 */
int rk_cache_reserve(struct rk_cache_place *places, const struct rk_cache_options *options, unsigned count, size_t most);

/*
 * Makes a cache in memory that rk_cache_reserve() reserved. The options are those that the place was reserved for. The
 * function makes no system call. The cache can't be destroyed. Other threads may use the cache if they load its address with
 * acquire order.
 */
struct rk_cache *rk_cache_create_at(const struct rk_cache_place *place, const struct rk_cache_options *options);

/*
 * Like rk_cache_reclaim(), but only for the CPU on which the caller runs. It needs no fence, because it takes the objects by
 * sections on that CPU. The array keeps its capacity. With `if_unneeded`, the array also keeps as many objects as were taken
 * from it since the previous call for this CPU. Does nothing without rseq, or inside rk_vfork_begin().
 */
void rk_cache_reclaim_here(struct rk_cache *cache, bool if_unneeded);

#endif /* RK_SRC_CACHE_PLACE_H */
