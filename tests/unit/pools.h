/* SPDX-License-Identifier: MIT */
/* pools.h - short functions that create, use and destroy pools of per-CPU memory. */
#ifndef POOLS_H
#define POOLS_H

#include "committed.h"

static inline struct rk_percpu *make(size_t size, const void *initial, unsigned flags)
{
	struct rk_percpu_options options = {size, 0, initial, flags};
	struct rk_percpu *pool;

	assert_int_equal(rk_percpu_create(&pool, &options, sizeof(options)), 0);
	return pool;
}

/* This function is never inlined, so the caller's address that rk_percpu_alloc() records is in this function. */
__attribute__((__noinline__, __unused__)) static void *alloc(struct rk_percpu *pool)
{
	void *item;

	assert_int_equal(rk_percpu_alloc(pool, &item), 0);
	return item;
}

static inline void destroy(struct rk_percpu *pool, void *item)
{
	assert_int_equal(rk_percpu_free(pool, item), 0);
	assert_int_equal(rk_percpu_destroy(pool), 0);
}

#endif /* POOLS_H */
