/* SPDX-License-Identifier: MIT */
/* pool.h - the pool that all structures of one kind share, in this copy of the library. */
#ifndef RK_SRC_POOL_H
#define RK_SRC_POOL_H

#include "percpu/percpu.h"

/*
 * The pool in *shared, made on the first call. Returns 0 and the pool in *pool, or what rk_percpu_create() returns.
 * Async-signal-safe; threads that race get the same one.
 */
int rk_pool_get(struct rk_percpu **shared, const struct rk_percpu_options *options, struct rk_percpu **pool);

/*
 * The same for structures that are taken, or read as a whole, from elsewhere. The process is registered for fences before:
 * that takes a microsecond while there is one thread, and a wait later.
 */
int rk_pool_get_fenced(struct rk_percpu **shared, const struct rk_percpu_options *options, struct rk_percpu **pool);

/* Is that an item of the pool, which may be NULL, and handed out? Then *place is its place. */
bool rk_pool_has(const struct rk_percpu *pool, const void *item, struct place *place);

#endif /* RK_SRC_POOL_H */
