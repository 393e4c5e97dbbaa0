/* SPDX-License-Identifier: MIT */
/*
 * list.c - the memory of the bench `list`, and the check that each node is where it should be (list.h).
 */
#define _GNU_SOURCE
#include "list.h"

struct bench_list bench_list_rseqkit, bench_list_classic, bench_list_floor, bench_list_stack;
struct bench_list bench_list_mutex = {.shared.mutex = PTHREAD_MUTEX_INITIALIZER};

int bench_list_create(void)
{
	static const struct rk_percpu_options options = {.item_size = sizeof(intptr_t), .alignment = 128};
	struct rk_percpu *pool;
	int r = rk_percpu_create(&pool, &options);

	if (r == 0)
		r = rk_percpu_alloc(pool, &bench_list_rseqkit.slots);
	if (r == 0)
		r = rk_percpu_alloc(pool, &bench_list_classic.slots);
	if (r == 0)
		r = rk_percpu_alloc(pool, &bench_list_floor.slots);
	return r;
}

struct bench_node *bench_list_take(struct bench_list *list)
{
	unsigned taken = __atomic_fetch_add(&list->taken, 1, __ATOMIC_RELAXED);

	return taken < BENCH_NODES ? &list->nodes[taken] : NULL;
}

/* Marks the nodes from `link` to the end. Returns how many, or BENCH_NODES + 1 if one is no node or was marked. */
static unsigned find_nodes(struct bench_list *list, intptr_t link, bool by_number)
{
	unsigned found = 0;

	while (link != 0) {
		uintptr_t offset = by_number ? ((uintptr_t)link - 1) * sizeof(struct bench_node) :
					       (uintptr_t)link - (uintptr_t)list->nodes;
		struct bench_node *node = &list->nodes[offset / sizeof(*node) % BENCH_NODES];

		if (offset >= sizeof(list->nodes) || offset % sizeof(*node) != 0 || node->found)
			return BENCH_NODES + 1;
		node->found = true;
		found++;
		link = node->next;
	}
	return found;
}

/* The end of a slice that has found so many of the nodes that were taken. */
static bool settle(struct bench_list *list, unsigned found)
{
	bool all = found == list->taken;

	for (unsigned i = 0; i < list->taken && i < BENCH_NODES; i++)
		list->nodes[i].found = false;
	list->taken = 0;
	return all;
}

static bool settle_slots(struct bench_list *list)
{
	unsigned found = 0;

	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu)) {
		intptr_t *first = rk_percpu_slot(list->slots, cpu);

		found += find_nodes(list, *first, false);
		if (*first != 0)
			*first = 0;
	}
	return settle(list, found);
}

bool bench_settle_list_rseqkit(void)
{
	return settle_slots(&bench_list_rseqkit);
}

bool bench_settle_list_classic(void)
{
	return settle_slots(&bench_list_classic);
}

bool bench_settle_list_floor(void)
{
	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
		*(intptr_t *)rk_percpu_slot(bench_list_floor.slots, cpu) = 0;
	bench_list_floor.taken = 0;
	return true;
}

bool bench_settle_list_stack(void)
{
	unsigned found = find_nodes(&bench_list_stack, (intptr_t)(uint32_t)bench_list_stack.shared.top, true);

	bench_list_stack.shared.top = 0;
	return settle(&bench_list_stack, found);
}

bool bench_settle_list_mutex(void)
{
	unsigned found = find_nodes(&bench_list_mutex, bench_list_mutex.shared.first, false);

	bench_list_mutex.shared.first = 0;
	return settle(&bench_list_mutex, found);
}
