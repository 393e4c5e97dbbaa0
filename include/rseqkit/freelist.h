/* SPDX-License-Identifier: MIT */
/*
 * freelist.h - a free list (LIFO) per CPU, for memory that is recycled.
 *
 * Above all: never free() or unmap a node before the list is destroyed, not even a node that was popped. Another thread may
 * be about to pop the node, and crashes if the page is gone. Free the memory of nodes after rk_freelist_destroy(). Only
 * locked memory (mlock(2)) may be freed earlier.
 *
 *	struct buffer { struct rk_freelist_node link; char data[4000]; };
 *
 *	struct rk_freelist_node *link = rk_freelist_pop(list);
 *	struct buffer *b = link != NULL ? (struct buffer *)link : next_of(buffers);   // of an array that outlives the list
 *	...
 *	rk_freelist_push(list, &b->link);
 *
 * A push puts a node on the list of the CPU that the thread runs on, and a pop takes a node from there. A pop never takes
 * nodes from the lists of other CPUs. To get those nodes, drain the lists. So a pop without a result doesn't mean that there
 * are no nodes.
 *
 * A push never fails. Each node that was pushed can be popped or drained. A thread with rseq uses its CPU's list, by one
 * restartable sequence. A thread without rseq uses the overflow list, which all threads share. So does a thread whose
 * sequence was aborted RK_ABORTS_MAX times in a row. If the CPU's list is empty, a pop also looks in the overflow list.
 *
 * Nodes are the caller's memory. A node that was popped or drained belongs to the caller alone, which may write to all of
 * it. But its address stays mapped, as said above. Another thread may wait for the node's page, for example because the page
 * is swapped out. No fence reaches a thread that waits for a page. free() may unmap memory, unless this is turned off.
 *
 * fork: the child has its own copy of every list, with the nodes in it. At the fork another thread may hold a node, be about
 * to push it, or have just popped it. Such a node is in no list of the child.
 */
#ifndef RSEQKIT_FREELIST_H
#define RSEQKIT_FREELIST_H

#include <rseqkit/percpu.h>

/* A member of the caller's objects, at any offset. */
struct rk_freelist_node {
	struct rk_freelist_node *next;
};

/* A list's address is that of its item in per-CPU memory (percpu.h). */
struct rk_freelist;

RKI_BEGIN_DECLS

/*
 * Creates a list without nodes.
 *
 * Returns 0 and the list in *list; -EINVAL when `list` is NULL; -ENOMEM; -EUCLEAN as rk_percpu_alloc().
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: 0.1 us. The first list
 * of a process takes 50 us, and 20 ms if there are several threads by then (rk_fence_prepare() in remote.h).
 * Memory: 64 bytes for each CPU that uses the list.
 */
RKI_API int rk_freelist_create(struct rk_freelist **list);

/*
 * Destroys a list. NULL is allowed. No thread may be using the list. If `rest` isn't NULL, *rest becomes the first node of a
 * chain of all nodes that were in the list, as from rk_freelist_drain_all().
 *
 * Returns 0, or:
 *   -EINVAL   it isn't a list, or was destroyed before; *rest is NULL
 *   -EUCLEAN  (RSEQKIT_PERCPU=debug in the environment) the memory behind the list was written to. The list isn't destroyed.
 *             It is empty if `rest` isn't NULL
 * Context: as rk_freelist_create(). Cost: as rk_counter_destroy(). With `rest` the call also reads every CPU's list and its
 * nodes.
 */
RKI_API int rk_freelist_destroy(struct rk_freelist *list, struct rk_freelist_node **rest);

/*
 * Push nodes: a single one, or a chain from `first` to `last`, which is linked already. The next pop takes `first`.
 *
 * Context: any thread; signal handler, also one that interrupts a function of the same list; after fork; not in a vfork
 * child outside rk_vfork_begin(). Asynchronous cancellation is not allowed: it may leave the overflow list claimed (api.h).
 * Cost: 0.5 to 1.5 ns with rseq, by processor; 20 ns without.
 */
RKI_INLINE void rk_freelist_push_chain(struct rk_freelist *list, struct rk_freelist_node *first,
				       struct rk_freelist_node *last);
RKI_INLINE void rk_freelist_push(struct rk_freelist *list, struct rk_freelist_node *node);

/*
 * Takes the node that was pushed last to this CPU's list. If that list is empty, takes the last one of the overflow list.
 *
 * Returns NULL when both lists are empty. Also returns NULL when the overflow list is in use by the code that a signal
 * handler interrupted, or by another thread for more than a millisecond.
 * Context: as rk_freelist_push(). Cost: 0.5 to 1.5 ns with rseq, by processor; 40 ns without.
 */
RKI_INLINE struct rk_freelist_node *rk_freelist_pop(struct rk_freelist *list);

/*
 * rk_freelist_drain() takes all nodes of one CPU's list, while threads on that CPU go on using it. With RK_INDEX_OVERFLOW as
 * `cpu` it takes the nodes of the overflow list. rk_freelist_drain_all() takes the nodes of all lists.
 *
 * Returns 0 and the first node in *nodes, NULL if there were none. The last node's `next` is NULL. After an error *nodes
 * still has the nodes that the call took. Errors:
 *   -EBUSY         another thread, or the code that a signal handler interrupted, is draining that CPU's list. For the
 *                  overflow list: such code is using it, or another thread has used it for a millisecond
 *   -EHOSTUNREACH  there is no fence (remote.h). The nodes stay out of reach until another call succeeds
 *   -EINVAL        a parameter is NULL, or the CPU isn't possible
 * Context: any thread; signal handler; after fork; not in a vfork child. Cost: a fence for each CPU that ever used the list.
 * rk_freelist_drain_all() also reads each node.
 */
RKI_API int rk_freelist_drain(struct rk_freelist *list, int cpu, struct rk_freelist_node **nodes);
RKI_API int rk_freelist_drain_all(struct rk_freelist *list, struct rk_freelist_node **nodes);

RKI_END_DECLS

#include <rseqkit/detail/freelist.h>

#endif /* RSEQKIT_FREELIST_H */
