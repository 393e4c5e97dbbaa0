/* SPDX-License-Identifier: MIT */
/*
 * every.c - every operation by every kind of index, inline, and a use of whatever else stores per thread: what `check`
 * looks at. It runs, so that nothing of it can be dropped.
 */
#include <rseqkit.h>

static struct rk_percpu *pool;

static int all_operations(void *item)
{
	intptr_t value = 0;
	int done = 0, cpu = rk_cpu();

	done += rk_cpu_load(item, &value) == RK_DONE;
	done += rk_cpu_add(item, value + 1) == RK_DONE;
	done += rk_cpu_store_if_equal(item, value + 1, value) == RK_DONE;
	done += rk_cid_load(item, &value) == RK_DONE;
	done += rk_cid_add(item, value) == RK_DONE;
	done += rk_cid_store_if_equal(item, value, rk_cid()) == RK_DONE;
	done += rk_at_load(item, &value, cpu) == RK_DONE;
	done += rk_at_add(item, 1, cpu) == RK_DONE;
	done += rk_at_store_if_equal(item, value, 0, cpu) == RK_DONE;
	return done;
}

int main(void)
{
	struct rk_percpu_options options = {.item_size = sizeof(intptr_t)};
	struct rk_counter *counter;
	void *item;

	if (rk_percpu_create(&pool, &options) != 0 || rk_percpu_alloc(pool, &item) != 0 || rk_counter_create(&counter) != 0)
		return 1;
	rk_counter_add(counter, all_operations(item));
	(void)rk_thread_register();
	if (rk_vfork_begin() == 0 && rk_vfork_end() != 0)
		return 1;
	return rk_counter_sum(counter) >= 0 ? 0 : 1;
}
