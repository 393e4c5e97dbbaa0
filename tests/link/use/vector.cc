/* SPDX-License-Identifier: MIT */
/* Uses vector.h in C++17, without casts and other headers. */
#include <rseqkit/vector.h>

int main()
{
	long from = 5, to = 0;
	struct rk_vector_op ops[3] {};

	ops[0].code = RK_VECTOR_COPY;
	ops[0].length = sizeof(from);
	ops[0].from = &from;
	ops[1].code = RK_VECTOR_ADD;
	ops[1].length = sizeof(from);
	ops[1].operand = 2;
	ops[2].code = RK_VECTOR_READ;
	ops[2].length = sizeof(to);
	ops[2].to = &to;

	struct rk_percpu_options options {};
	struct rk_percpu *pool = nullptr;
	void *item = nullptr;

	options.item_size = sizeof(from);
	options.flags = RK_PERCPU_CLOSABLE;
	if (rk_percpu_create(&pool, &options, sizeof(options)) != 0 || rk_percpu_alloc(pool, &item) != 0)
		return 1;
	if (rk_percpu_vector(pool, item, rk_cpus_next(-1), ops, 3) != 0 || to != 7)
		return 1;
	return rk_percpu_free(pool, item) != 0 || rk_percpu_destroy(pool) != 0;
}
