/* SPDX-License-Identifier: MIT */
/* Uses percpu.h and operations on its items in C++17, without other headers, and with casts only from void *. */
#include <rseqkit/ops.h>
#include <rseqkit/percpu.h>

int main()
{
	struct rk_percpu_options options {};
	struct rk_percpu *pool;
	const intptr_t initial = 5;
	intptr_t value = 0;
	void *item;
	int cpus = 0;

	options.item_size = sizeof(initial);
	options.initial = &initial;
	options.flags = RK_PERCPU_DEBUG;
	if (rk_percpu_create(&pool, &options, sizeof(options)) != 0 || rk_percpu_alloc(pool, &item) != 0)
		return 1;
	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
		cpus += *static_cast<intptr_t *>(rk_percpu_slot(item, cpu)) == 5;
	if (cpus != rk_cpus_count())
		return 2;
	for (enum rk_result r = RK_ABORTED; r == RK_ABORTED; r = rk_cpu_load(item, &value))
		;
	for (enum rk_result r = RK_ABORTED; r == RK_ABORTED; r = rk_cid_add(item, 0))
		;
	for (enum rk_result r = RK_ABORTED; r == RK_ABORTED; r = rk_cpu_store_if_equal(item, 6, 7))
		;
	if (value != 5)
		return 3;
	return rk_percpu_free(pool, item) == 0 && rk_percpu_destroy(pool) == 0 ? 0 : 4;
}
