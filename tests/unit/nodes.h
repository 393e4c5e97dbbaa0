/* SPDX-License-Identifier: MIT */
/*
 * nodes.h - nodes for a list (freelist.h). The invariant: each node is either held by a thread, or in one list
 * exactly once.
 */
#ifndef NODES_H
#define NODES_H

#include "test.h"

#define NODES 3000

struct node {
	intptr_t number; /* is here so that the link is not the first member */
	struct rk_freelist_node link;
	int held; /* 1: a thread holds the node; 0: the node is in a list */
};

static struct node nodes[NODES];
static struct rk_freelist *list;

static inline struct node *node_of(struct rk_freelist_node *link)
{
	return (struct node *)(void *)((char *)link - offsetof(struct node, link));
}

static inline void create(void)
{
	assert_int_equal(rk_freelist_create(&list), 0);
	for (int i = 0; i < NODES; i++)
		nodes[i] = (struct node){.number = i, .held = 1};
}

/*
 * Marks the nodes of the chain that begins at `first` as held. Returns the number of these nodes. If a node was held
 * already, or isn't in `nodes`, returns NODES + 1.
 */
static inline int hold_all(struct rk_freelist_node *first)
{
	int count = 0;

	for (; first != NULL; first = first->next, count++)
		if (node_of(first) < nodes || node_of(first) >= nodes + NODES ||
		    __atomic_exchange_n(&node_of(first)->held, 1, __ATOMIC_RELAXED) != 0)
			return NODES + 1;
	return count;
}

static inline void push(int number)
{
	__atomic_store_n(&nodes[number].held, 0, __ATOMIC_RELAXED);
	rk_freelist_push(list, &nodes[number].link);
}

/* Pops a node. Returns its number, or -1 if the list is empty. */
static inline int pop(void)
{
	struct rk_freelist_node *link = rk_freelist_pop(list);

	if (link == NULL)
		return -1;
	CHECK(__atomic_exchange_n(&node_of(link)->held, 1, __ATOMIC_RELAXED) == 0);
	return (int)node_of(link)->number;
}

#endif /* NODES_H */
