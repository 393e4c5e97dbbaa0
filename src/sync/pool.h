/* SPDX-License-Identifier: MIT */
/*
 * pool.h - pools of per-CPU memory (rseqkit/percpu.h) that this library makes for its own structures. In each copy of the
 * library, all structures of one kind, such as all counters, get their items from one pool. If structures of a kind have
 * different sizes, as locks do, there is a pool for each size.
 */
#ifndef RK_SRC_POOL_H
#define RK_SRC_POOL_H

#include "percpu/percpu.h"

/*
 * Copies the pool's address from *shared to *pool. If *shared is NULL, creates the pool first. Returns 0, or a negative errno of
 * rk_percpu_create(). Async-signal-safe. Threads that call this at the same time get the same pool.
 */
int rk_pool_get(struct rk_percpu **shared, const struct rk_percpu_options *options, struct rk_percpu **pool);

/*
 * Like rk_pool_get(), for structures that need fences (rseqkit/remote.h). If there is no pool yet, first registers the
 * process for fences. The registration takes a microsecond while the process has one thread, and about 20 ms later.
 */
int rk_pool_get_fenced(struct rk_percpu **shared, const struct rk_percpu_options *options, struct rk_percpu **pool);

/*
 * Returns whether `item` is an allocated item of the pool. If so, *place is the item's place. If the pool is NULL, returns
 * false.
 */
bool rk_pool_has(const struct rk_percpu *pool, const void *item, struct place *place);

#endif /* RK_SRC_POOL_H */
