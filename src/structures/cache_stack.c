/* SPDX-License-Identifier: MIT */
/* cache_stack.c - pushes a magazine, a batch of objects, to a stack of a cache's depot; see cache_stack.h. */
#include "cache_stack.h"

void rk_depot_push(struct depot *depot, uint64_t *stack, struct magazine *m)
{
	uint64_t old = __atomic_load_n(stack, __ATOMIC_RELAXED);

	do {
		acknowledge(depot, old);
		set_next(m, old);
	} while (!__atomic_compare_exchange_n(stack, &old, changed(old, number_of(depot, m)), 1, __ATOMIC_ACQ_REL,
					      __ATOMIC_RELAXED));
}
