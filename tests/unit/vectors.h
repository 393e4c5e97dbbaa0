/* SPDX-License-Identifier: MIT */
/*
 * vectors.h - an item of closable memory (each CPU has two banks, of which one is in use), for tests of vectors
 * (rseqkit/vector.h).
 */
#ifndef VECTORS_H
#define VECTORS_H

#include "test.h"

#define SIZE 128

static struct rk_percpu *pool;
static void *item;
static int here;

static struct rk_bank_slot *slot_of(int cpu)
{
	return (struct rk_bank_slot *)rk_percpu_slot(item, cpu);
}

static unsigned char *bank_of(int cpu)
{
	return (unsigned char *)(slot_of(cpu)->bank & ~RK_BANK_CLOSED);
}

static int make_item(void **state)
{
	struct rk_percpu_options options = {.item_size = SIZE, .alignment = 8, .flags = RK_PERCPU_CLOSABLE};

	(void)state;
	here = rk_cpu();
	return rk_percpu_create(&pool, &options, sizeof(options)) != 0 || rk_percpu_alloc(pool, &item) != 0;
}

static int drop_item(void **state)
{
	(void)state;
	return rk_percpu_free(pool, item) != 0 || rk_percpu_destroy(pool) != 0;
}

/* Runs tests that share one item. */
#define RUN_WITH_ITEM(tests)                                                                                           \
	int main(void)                                                                                                 \
	{                                                                                                              \
		cmocka_set_message_output(CM_OUTPUT_TAP);                                                              \
		alarm(TEST_SECONDS);                                                                                   \
		return cmocka_run_group_tests(tests, make_item, drop_item);                                            \
	}

#endif /* VECTORS_H */
