/* SPDX-License-Identifier: MIT */
/*
 * initialised.c - under MemorySanitizer, uses every value that operations store through pointers. The sanitizer treats memory
 * from malloc() and the stack as uninitialised until it sees a write.
 */
#include <rseqkit.h>
#include <rseqkit/ops.h>
#include <stdlib.h>

struct node {
	struct node *next;
};

/* Repeats until the operation is done. Without rseq the program ends successfully. */
#define REPEAT(operation)                                                                                              \
	do {                                                                                                           \
		enum rk_result r_;                                                                                     \
		do                                                                                                     \
			r_ = operation;                                                                                \
		while (r_ == RK_ABORTED);                                                                              \
		if (r_ == RK_NO_RSEQ)                                                                                  \
			return 0;                                                                                      \
		if (r_ != RK_DONE)                                                                                     \
			return __LINE__;                                                                               \
	} while (0)

int main(void)
{
	struct rk_percpu_options options = {.item_size = sizeof(intptr_t)};
	struct node *node = (struct node *)malloc(sizeof(*node));
	struct rk_counter *counter;
	struct rk_percpu *pool;
	intptr_t value;
	void *popped;
	void *item;

	if (node == NULL || rk_percpu_create(&pool, &options, sizeof(options)) != 0 || rk_percpu_alloc(pool, &item) != 0)
		return __LINE__;
	if (rk_counter_create(&counter) != 0)
		return __LINE__;
	rk_counter_add(counter, 1);
	if (rk_counter_sum(counter) != 1 || rk_counter_destroy(counter) != 0)
		return __LINE__;
	if (rk_cpu() < 0 || rk_cid() < -1)
		return __LINE__;
	/* The thread can move to another CPU, which has another list, so the node is put into every CPU's list before the pop. */
	for (int i = 0; i < 1000; i++) {
		int cpu = rk_cpu();
		enum rk_result r;

		REPEAT(rk_cpu_push(item, node, offsetof(struct node, next)));
		if (node->next != NULL)
			return __LINE__;
		r = rk_at_load(item, &value, cpu);
		if (r == RK_DONE && value != (intptr_t)node && value != 0)
			return __LINE__;
		for (cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
			*(intptr_t *)rk_percpu_slot(item, cpu) = (intptr_t)node;
		node->next = NULL;
		REPEAT(rk_cpu_pop(item, 0, offsetof(struct node, next), &popped));
		if (popped != node)
			return __LINE__;
		for (cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
			*(intptr_t *)rk_percpu_slot(item, cpu) = 0;
	}
	free(node);
	return 0;
}
