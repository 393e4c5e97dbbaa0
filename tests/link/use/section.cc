/* SPDX-License-Identifier: MIT */
/* Uses a section that a program defines itself (examples/versioned.h) in C++17, without a cast. */
#include <rseqkit/percpu.h>
#include "../../../examples/versioned.h"

int main()
{
	struct rk_percpu_options options {};
	struct rk_percpu *pool = nullptr;
	struct versioned object {};
	void *item = nullptr;
	enum rk_result result = RK_ABORTED;

	options.item_size = sizeof(&object);
	if (rk_percpu_create(&pool, &options, sizeof(options)) != 0 || rk_percpu_alloc(pool, &item) != 0)
		return 1;
	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
		*static_cast<struct versioned **>(rk_percpu_slot(item, cpu)) = &object;
	for (int i = 0; i < RK_ABORTS_MAX && result == RK_ABORTED; i++)
		result = versioned_set(item, 0, 7);
	if (result == RK_NO_RSEQ)
		return 0;
	if (result != RK_DONE || object.version != 1 || object.halves[1] != 7 || versioned_set(item, 0, 8) == RK_DONE)
		return 1;
	return rk_percpu_free(pool, item) != 0 || rk_percpu_destroy(pool) != 0;
}
