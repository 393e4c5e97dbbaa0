/* SPDX-License-Identifier: MIT */
/*
 * pops.c - a program that a debugger steps without commands for sections: pops a node from a list and pushes it, and adds to a
 * counter. At the end it checks the list and the counter.
 */
#include <stdio.h>
#include <rseqkit.h>

#define ROUNDS 20

static struct rk_freelist *list;
static struct rk_counter *counter;

__attribute__((__noinline__)) static void pass(void)
{
	struct rk_freelist_node *node = rk_freelist_pop(list);

	if (node != NULL)
		rk_freelist_push(list, node);
	rk_counter_add(counter, 1);
}

int main(void)
{
	struct rk_freelist_node node, *rest;

	if (rk_freelist_create(&list) < 0 || rk_counter_create(&counter) < 0)
		return 1;
	rk_freelist_push(list, &node);
	for (int i = 0; i < ROUNDS; i++)
		pass();
	if (rk_freelist_destroy(list, &rest) < 0 || rest != &node || rest->next != NULL || rk_counter_sum(counter) != ROUNDS)
		return 2;
	puts("all is there");
	return 0;
}
