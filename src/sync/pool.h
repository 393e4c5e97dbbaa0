/* SPDX-License-Identifier: MIT */
/* pool.h - the pool that all structures of one kind share, in this copy of the library. */
#ifndef RK_SRC_POOL_H
#define RK_SRC_POOL_H

#include "percpu/percpu.h"

/*
 * Gives the pool in *shared, which the first call creates. Returns 0 and the pool in *pool, or what rk_percpu_create() returns.
 * Async-signal-safe. Threads that race get the same pool.
 */
int rk_pool_get(struct rk_percpu **shared, const struct rk_percpu_options *options, struct rk_percpu **pool);

/*
 * As rk_pool_get(), for structures that have remote owners, or are read as a whole. It first registers the process for fences.
 * That takes a microsecond while there is one thread, and some 20 ms later.
 */
int rk_pool_get_fenced(struct rk_percpu **shared, const struct rk_percpu_options *options, struct rk_percpu **pool);

/* Is `item` an item of the pool, and handed out? The pool may be NULL. If so, *place is the item's place. */
bool rk_pool_has(const struct rk_percpu *pool, const void *item, struct place *place);

#endif /* RK_SRC_POOL_H */
