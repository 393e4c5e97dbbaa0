/* SPDX-License-Identifier: MIT */
/* pool.h - the pool that all structures of one kind share, in this copy of the library. */
#ifndef RK_SRC_POOL_H
#define RK_SRC_POOL_H

#include <rseqkit/percpu.h>

/*
 * The pool in *shared, made on the first call. Returns 0 and the pool in *pool, or what rk_percpu_create() returns.
 * Async-signal-safe; threads that race get the same one.
 */
int rk_pool_get(struct rk_percpu **shared, const struct rk_percpu_options *options, struct rk_percpu **pool);

#endif /* RK_SRC_POOL_H */
