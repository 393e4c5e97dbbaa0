/* SPDX-License-Identifier: MIT */
/* rcu_create.c - creates and destroys rcu domains (rseqkit/rcu.h). */
#include "rcu.h"

#include <errno.h>

static struct rk_percpu *rcu_pools[2];

int rk_rcu_create(struct rk_rcu **rcu, size_t calls_max)
{
	struct rk_rcu_state *state;
	void *item = NULL;
	int r;

	if (rcu == NULL)
		return -EINVAL;
	*rcu = NULL;
	if (calls_max > RK_RCU_CALLS_MAX)
		return -EINVAL;
	r = rk_readers_create(rcu_pools, &item, __builtin_return_address(0));
	if (r < 0)
		return r;
	*rcu = (struct rk_rcu *)item;
	state = rk_rcu_state(*rcu);
	state->limit = calls_max == 0 ? RK_RCU_CALLS_MAX : (uint32_t)calls_max;
	(void)rk_rcu_open(*rcu);
	return 0;
}

int rk_rcu_destroy(struct rk_rcu *rcu)
{
	if (rcu == NULL)
		return 0;
	if (!rk_readers_has(rcu_pools, rcu))
		return -EINVAL;
	if (rk_rcu_worker_state(rcu) != RK_RCU_WORKER_NONE || rk_rcu_has_calls(rcu) || rk_rcu_has_readers(rcu))
		return -EBUSY;
	return rk_readers_destroy(rcu_pools, rcu, __builtin_return_address(0));
}
