/* SPDX-License-Identifier: MIT */
/* slots.h - an item of per-CPU memory, for tests that work on the data of other CPUs. A slot is one CPU's copy of the item. */
#ifndef SLOTS_H
#define SLOTS_H

#include "test.h"

static struct rk_percpu *pool;
static char *slots;
static int here; /* the CPU whose slot the test uses */

static int make_slots(void **state)
{
	struct rk_percpu_options options = {.item_size = sizeof(struct rk_bank_slot)};
	void *item;

	(void)state;
	if (rk_percpu_create(&pool, &options, sizeof(options)) != 0 || rk_percpu_alloc(pool, &item) != 0)
		return 1;
	slots = item;
	here = rk_cpu();
	return 0;
}

static int drop_slots(void **state)
{
	(void)state;
	return rk_percpu_free(pool, slots) != 0 || rk_percpu_destroy(pool) != 0;
}

#endif /* SLOTS_H */
