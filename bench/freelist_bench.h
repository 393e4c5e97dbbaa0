/* SPDX-License-Identifier: MIT */
/*
 * freelist_bench.h - the bench `freelist`: nodes, the memory of its contenders (the ways to do the job, bench.h), and the
 * operation of each.
 *
 * An operation pops a node and pushes it back. A CPU's list is empty at the first operation on this CPU, or after a thread left
 * the CPU between pop and push. Then an out-of-line function takes a new node from the contender's supply, and the operation
 * pushes that node. Invariant: at the end of a slice (one measured run, bench.h) every node that was ever taken is in one list,
 * once. After a slice bench_settle_freelist_*() check the invariant, and empty the lists. The loops count nothing: a count would
 * cost every contender a store, and so hide differences.
 */
#ifndef RK_BENCH_FREELIST_H
#define RK_BENCH_FREELIST_H

#include <pthread.h>
#include <rseqkit/ops_cpu.h>

#include "bench.h"
#include "classic.h"
#include "floor.h"

#define BENCH_NODES 4096u /* nodes of each contender; enough even if every thread migrates while it holds a node */

/* A node is alone in its cache line, so threads share only what a contender shares. */
struct bench_node {
	intptr_t next; /* a node's address, or in the shared stack its number plus 1; 0 at the end */
	bool found;    /* the check has found this node */
} __attribute__((__aligned__(64)));

/* The data of a contender. */
struct bench_freelist {
	void *slots; /* the first node of each CPU's list */
	struct rk_freelist *list;
	struct {
		pthread_mutex_t mutex;
		intptr_t first; /* the first node of the list that all threads share */
		uint64_t top;   /* the shared stack: the low half names its first node, as `next` does; the high half is a tag */
	} shared __attribute__((__aligned__(128)));
	unsigned taken __attribute__((__aligned__(128)));
	struct bench_node nodes[BENCH_NODES];
};

extern struct bench_freelist bench_freelist_rseqkit, bench_freelist_operations, bench_freelist_classic;
extern struct bench_freelist bench_freelist_floor, bench_freelist_stack, bench_freelist_mutex;

bool bench_settle_freelist_rseqkit(void);
bool bench_settle_freelist_operations(void);
bool bench_settle_freelist_classic(void);
bool bench_settle_freelist_floor(void); /* only empties the lists: `floor` loses nodes */
bool bench_settle_freelist_stack(void);
bool bench_settle_freelist_mutex(void);

/* Creates the lists, all empty. Returns 0 or a negative errno. */
int bench_freelist_create(void);

/* Takes a new node. Returns NULL if no node is left. */
struct bench_node *bench_freelist_take(struct bench_freelist *list);

/*
 * Defines the operation of a contender with a list for each CPU, from an operation that pops and an operation that pushes. The
 * inlined code tries each of these two operations once. If an operation was aborted, an out-of-line function repeats it at most
 * RK_ABORTS_MAX times. The function that is defined returns 0 if both operations were done.
 */
#define LIST_PER_CPU(name, try_pop, try_push)                                                                          \
	static __attribute__((__noinline__)) int name##_pop_again(struct bench_freelist *list, void *slots, void **node,   \
								  enum rk_result outcome)                              \
	{                                                                                                              \
		for (int i = 0; i < RK_ABORTS_MAX && outcome == RK_ABORTED; i++)                                       \
			outcome = try_pop(slots, node);                                                                \
		if (outcome == RK_UNEQUAL)                                                                             \
			*node = bench_freelist_take(list);                                                                 \
		return (outcome != RK_DONE && outcome != RK_UNEQUAL) || *node == NULL;                                 \
	}                                                                                                              \
                                                                                                                       \
	static __attribute__((__noinline__)) int name##_push_again(void *slots, void *node, enum rk_result outcome)    \
	{                                                                                                              \
		for (int i = 0; i < RK_ABORTS_MAX && outcome == RK_ABORTED; i++)                                       \
			outcome = try_push(slots, node);                                                               \
		return outcome != RK_DONE;                                                                             \
	}                                                                                                              \
                                                                                                                       \
	BENCH_INLINE int name(struct bench_freelist *list, void *slots)                                                    \
	{                                                                                                              \
		void *popped, *node;                                                                                   \
		enum rk_result outcome = try_pop(slots, &popped);                                                      \
                                                                                                                       \
		if (RKI_UNLIKELY(outcome != RK_DONE) && name##_pop_again(list, slots, &popped, outcome) != 0)          \
			return 1;                                                                                      \
		node = popped;                                                                                         \
		BENCH_HIDE(node);                                                                                      \
		outcome = try_push(slots, node);                                                                       \
		return RKI_LIKELY(outcome == RK_DONE) ? 0 : name##_push_again(slots, node, outcome);                   \
	}

_Static_assert(offsetof(struct bench_node, next) == 0, "classic.h and floor.h rely on it");

BENCH_INLINE int freelist_rseqkit(struct bench_freelist *list, struct rk_freelist *of)
{
	struct rk_freelist_node *node = rk_freelist_pop(of);

	if (RKI_UNLIKELY(!node) && !(node = (struct rk_freelist_node *)(void *)bench_freelist_take(list)))
		return 1;
	BENCH_HIDE(node);
	rk_freelist_push(of, node);
	return 0;
}

#define LIST_OPERATIONS_POP(slots, node) rk_cpu_pop(slots, 0, offsetof(struct bench_node, next), node)
#define LIST_OPERATIONS_PUSH(slots, node) rk_cpu_push(slots, node, offsetof(struct bench_node, next))

LIST_PER_CPU(freelist_operations, LIST_OPERATIONS_POP, LIST_OPERATIONS_PUSH)

#if BENCH_HAVE_CLASSIC
LIST_PER_CPU(freelist_classic, classic_try_pop, classic_try_push)
#endif

#if BENCH_HAVE_FLOOR
LIST_PER_CPU(freelist_floor, floor_pop, floor_push)
#endif

/*
 * A lock-free stack that all threads share. Every pop raises the tag, which prevents ABA. Nodes have numbers, because a number
 * and a tag fit into one word. The memory of nodes is never freed.
 */
BENCH_INLINE struct bench_node *freelist_stack_pop(struct bench_freelist *list)
{
	uint64_t top = __atomic_load_n(&list->shared.top, __ATOMIC_ACQUIRE), next;

	do {
		if (RKI_UNLIKELY((uint32_t)top == 0))
			return NULL;
		next = (uint64_t)__atomic_load_n(&list->nodes[(uint32_t)top - 1].next, __ATOMIC_RELAXED) |
		       ((top >> 32) + 1) << 32;
	} while (!__atomic_compare_exchange_n(&list->shared.top, &top, next, true, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE));
	return &list->nodes[(uint32_t)top - 1];
}

BENCH_INLINE void freelist_stack_push(struct bench_freelist *list, struct bench_node *node)
{
	uint64_t top = __atomic_load_n(&list->shared.top, __ATOMIC_RELAXED), next;

	do {
		__atomic_store_n(&node->next, (intptr_t)(uint32_t)top, __ATOMIC_RELAXED);
		next = (uint64_t)(node - list->nodes + 1) | (top >> 32) << 32;
	} while (!__atomic_compare_exchange_n(&list->shared.top, &top, next, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

BENCH_INLINE int freelist_stack(struct bench_freelist *list)
{
	struct bench_node *node = freelist_stack_pop(list);

	if (RKI_UNLIKELY(!node) && !(node = bench_freelist_take(list)))
		return 1;
	BENCH_HIDE(node);
	freelist_stack_push(list, node);
	return 0;
}

BENCH_INLINE int freelist_mutex(struct bench_freelist *list)
{
	struct bench_node *node;

	(void)pthread_mutex_lock(&list->shared.mutex);
	node = (struct bench_node *)list->shared.first;
	if (node)
		list->shared.first = node->next;
	(void)pthread_mutex_unlock(&list->shared.mutex);
	if (RKI_UNLIKELY(!node) && !(node = bench_freelist_take(list)))
		return 1;
	BENCH_HIDE(node);
	(void)pthread_mutex_lock(&list->shared.mutex);
	node->next = list->shared.first;
	list->shared.first = (intptr_t)node;
	(void)pthread_mutex_unlock(&list->shared.mutex);
	return 0;
}

/* Returns the calling thread's list. It has one node, so it is never empty. */
BENCH_INLINE intptr_t *freelist_of_thread(void)
{
	static __thread struct bench_node node;
	static __thread intptr_t first;

	node.next = 0;
	first = (intptr_t)&node;
	return &first;
}

BENCH_INLINE void freelist_thread_local(intptr_t *first)
{
	struct bench_node *node = (struct bench_node *)*first;

	*first = node->next;
	BENCH_HIDE(node);
	node->next = *first;
	*first = (intptr_t)node;
	BENCH_HIDE(node);
}

#endif /* RK_BENCH_FREELIST_H */
