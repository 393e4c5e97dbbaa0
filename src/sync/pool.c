/* SPDX-License-Identifier: MIT */
/* pool.c - pools that structures of one kind and size share (pool.h). The invariant: a pool's address is stored once. */
#include "pool.h"

#include <rseqkit/remote.h>

int rk_pool_get(struct rk_percpu **shared, const struct rk_percpu_options *options, struct rk_percpu **pool)
{
	struct rk_percpu *expected = NULL, *made;
	int r;

	*pool = __atomic_load_n(shared, __ATOMIC_ACQUIRE);
	if (*pool != NULL)
		return 0;
	r = rk_percpu_create(&made, options, sizeof(*options));
	if (r < 0)
		return r;
	rk_percpu_share(made);
	if (__atomic_compare_exchange_n(shared, &expected, made, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		*pool = made;
		return 0;
	}
	(void)rk_percpu_destroy(made); /* another thread was faster */
	*pool = expected;
	return 0;
}

int rk_pool_get_fenced(struct rk_percpu **shared, const struct rk_percpu_options *options, struct rk_percpu **pool)
{
	if (__atomic_load_n(shared, __ATOMIC_RELAXED) == NULL)
		(void)rk_fence_prepare();
	return rk_pool_get(shared, options, pool);
}

bool rk_pool_has(const struct rk_percpu *pool, const void *item, struct place *place)
{
	return pool != NULL && rk_item_find(pool, item, place) &&
	       rk_bit(rk_set_used(place->range), place->number);
}
