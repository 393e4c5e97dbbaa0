/* SPDX-License-Identifier: MIT */
/*
 * retry.c - retry loops as users write them. The test compiles them in many ways, because gcc has used wrong values as results of
 * an asm goto in such loops. Exits with 0 if every result is right.
 */
#include <rseqkit.h>
#include <rseqkit/ops.h>
#include <stdio.h>

/* Checks the outcome after the loop, and then uses the value. */
__attribute__((__noinline__)) static intptr_t load_cpu(const void *base, int *bad)
{
	intptr_t value;
	enum rk_result r;

	do
		r = rk_cpu_load(base, &value);
	while (r == RK_ABORTED);
	if (r != RK_DONE) {
		(*bad)++;
		return -1;
	}
	return value;
}

__attribute__((__noinline__)) static intptr_t load_at(const void *base, int *bad)
{
	intptr_t value;
	enum rk_result r;

	do
		r = rk_at_load(base, &value, rk_cpu());
	while (r == RK_ABORTED || r == RK_WRONG_CPU);
	if (r != RK_DONE) {
		(*bad)++;
		return -1;
	}
	return value;
}

__attribute__((__noinline__)) static intptr_t load_cid(const void *base, int *bad)
{
	intptr_t value = 0;
	enum rk_result r = RK_ABORTED;

	for (int i = 0; i < 100 && r == RK_ABORTED; i++)
		r = rk_cid_load(base, &value);
	if (r != RK_DONE)
		(*bad)++;
	return value;
}

int main(void)
{
	struct rk_percpu_options options = {.item_size = sizeof(intptr_t)};
	struct rk_percpu *pool;
	void *item;
	int bad = 0, wrong = 0;

	if (rk_percpu_create(&pool, &options, sizeof(options)) != 0 || rk_percpu_alloc(pool, &item) != 0)
		return 1;
	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
		*(intptr_t *)rk_percpu_slot(item, cpu) = 7;
	for (int i = 0; i < 1000; i++) {
		wrong += load_cpu(item, &bad) != 7;
		wrong += load_at(item, &bad) != 7;
		wrong += rk_area_valid >= RK_FIELD_END_MM_CID && load_cid(item, &bad) != 7;
	}
	if (bad || wrong)
		printf("%d bad outcomes, %d wrong values\n", bad, wrong);
	return bad || wrong;
}
