/* SPDX-License-Identifier: MIT */
/*
 * freelist_bench.c - the memory of the bench `freelist`, and the check that each node is in one list (freelist_bench.h).
 */
#define _GNU_SOURCE
#include "freelist_bench.h"

struct bench_freelist bench_freelist_rseqkit, bench_freelist_operations, bench_freelist_classic, bench_freelist_floor, bench_freelist_stack;
struct bench_freelist bench_freelist_mutex = {.shared.mutex = PTHREAD_MUTEX_INITIALIZER};

int bench_freelist_create(void)
{
	static const struct rk_percpu_options options = {.item_size = sizeof(intptr_t), .alignment = 128};
	struct rk_percpu *pool;
	int r = rk_percpu_create(&pool, &options, sizeof(options));

	if (r == 0)
		r = rk_freelist_create(&bench_freelist_rseqkit.list);
	if (r == 0)
		r = rk_percpu_alloc(pool, &bench_freelist_operations.slots);
	if (r == 0)
		r = rk_percpu_alloc(pool, &bench_freelist_classic.slots);
	if (r == 0)
		r = rk_percpu_alloc(pool, &bench_freelist_floor.slots);
	return r;
}

struct bench_node *bench_freelist_take(struct bench_freelist *list)
{
	unsigned taken = __atomic_fetch_add(&list->taken, 1, __ATOMIC_RELAXED);

	return taken < BENCH_NODES ? &list->nodes[taken] : NULL;
}

/*
 * Marks the nodes from `link` to the end, and returns their number. Returns BENCH_NODES + 1 if a link leads to no node, or to a
 * node that is already marked.
 */
static unsigned find_nodes(struct bench_freelist *list, intptr_t link, bool by_number)
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

/* Ends a slice (one measured run). Returns true if all nodes that were taken have been found. */
static bool settle(struct bench_freelist *list, unsigned found)
{
	bool all = found == list->taken;

	for (unsigned i = 0; i < list->taken && i < BENCH_NODES; i++)
		list->nodes[i].found = false;
	list->taken = 0;
	return all;
}

static bool settle_slots(struct bench_freelist *list)
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

bool bench_settle_freelist_rseqkit(void)
{
	struct rk_freelist_node *nodes;
	bool drained = rk_freelist_drain_all(bench_freelist_rseqkit.list, &nodes) == 0;

	return settle(&bench_freelist_rseqkit, find_nodes(&bench_freelist_rseqkit, (intptr_t)nodes, false)) && drained;
}

bool bench_settle_freelist_operations(void)
{
	return settle_slots(&bench_freelist_operations);
}

bool bench_settle_freelist_classic(void)
{
	return settle_slots(&bench_freelist_classic);
}

bool bench_settle_freelist_floor(void)
{
	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
		*(intptr_t *)rk_percpu_slot(bench_freelist_floor.slots, cpu) = 0;
	bench_freelist_floor.taken = 0;
	return true;
}

bool bench_settle_freelist_stack(void)
{
	unsigned found = find_nodes(&bench_freelist_stack, (intptr_t)(uint32_t)bench_freelist_stack.shared.top, true);

	bench_freelist_stack.shared.top = 0;
	return settle(&bench_freelist_stack, found);
}

bool bench_settle_freelist_mutex(void)
{
	unsigned found = find_nodes(&bench_freelist_mutex, bench_freelist_mutex.shared.first, false);

	bench_freelist_mutex.shared.first = 0;
	return settle(&bench_freelist_mutex, found);
}
