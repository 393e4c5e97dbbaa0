/* SPDX-License-Identifier: MIT */
/*
 * freelist.h - a list of nodes per CPU, last in first out: for memory that is used again and again.
 *
 * Above all: never free() or unmap a node while the list exists, not even a node that was popped: another thread may still be
 * about to pop it, and dies if the page is gone. The memory of nodes is given back after rk_freelist_destroy(), or it is
 * locked (mlock(2)).
 *
 *	struct buffer { struct rk_freelist_node link; char data[4000]; };
 *
 *	struct rk_freelist_node *link = rk_freelist_pop(list);
 *	struct buffer *b = link != NULL ? (struct buffer *)link : next_of(buffers);   // of an array that outlives the list
 *	...
 *	rk_freelist_push(list, &b->link);
 *
 * A node goes to the list of the CPU that its thread runs on, and comes from there. Nodes of other CPUs are reached by
 * draining. So "empty" means that there is nothing at hand, not that there is nothing.
 *
 * Total: a push never fails, and a node that was pushed can be popped or drained. A thread with rseq uses its CPU's list,
 * by one restartable sequence; one without, or one whose sequence was aborted RK_ABORTS_MAX times in a row, uses the
 * overflow list that all share. A pop that finds its CPU's list empty looks there as well.
 *
 * Nodes are the caller's memory. One that was popped or drained belongs to the caller alone, to write what it likes. Its
 * address stays mapped, as said above: the other thread may wait for the node's page, swapped out, say, and no fence reaches
 * it there. free() may unmap, unless that is turned off.
 *
 * fork: the child has its own copy of every list with the nodes in it. A node that another thread was holding, or was
 * about to push or had just popped, is in no list of the child.
 */
#ifndef RSEQKIT_FREELIST_H
#define RSEQKIT_FREELIST_H

#include <rseqkit/percpu.h>

/* Stands anywhere in what is kept in lists. */
struct rk_freelist_node {
	struct rk_freelist_node *next;
};

/* Its address is that of the item in per-CPU memory (percpu.h). */
struct rk_freelist;

RKI_BEGIN_DECLS

/*
 * Creates a list without nodes.
 *
 * Returns 0 and the list in *list; -EINVAL when `list` is NULL; -ENOMEM; -EUCLEAN as rk_percpu_alloc().
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: 0.1 us; the
 * first one in a process 50 us, and 20 ms if there are several threads by then (rk_fence_prepare() in remote.h).
 * Memory: 64 bytes for each CPU that uses it.
 */
RKI_API int rk_freelist_create(struct rk_freelist **list);

/*
 * Destroys a list; NULL is allowed. No thread may be using it. `rest`, unless it is NULL, gets the nodes that were in it,
 * as rk_freelist_drain_all() gives them.
 *
 * Returns 0; -EINVAL when it is no list (any more), and then *rest is NULL; -EUCLEAN, with RSEQKIT_PERCPU=debug in the
 * environment, when the memory behind it was written to: the list goes on then, empty if there was a `rest`.
 * Context: as rk_freelist_create(). Cost: a look at every CPU's list, and at all nodes if there is a `rest`.
 */
RKI_API int rk_freelist_destroy(struct rk_freelist *list, struct rk_freelist_node **rest);

/*
 * Puts nodes on the list: one, or those from `first` on to `last`, which are linked already. A pop gives `first` next.
 *
 * Context: any thread; signal handler, also one that interrupts a function of the same list; after fork; not in a vfork
 * child outside rk_vfork_begin(); not under asynchronous cancellation, which may leave the overflow list claimed (api.h).
 * Cost: 0.5 to 1.5 ns with rseq, by processor; 20 without.
 */
RKI_INLINE void rk_freelist_push_chain(struct rk_freelist *list, struct rk_freelist_node *first,
				       struct rk_freelist_node *last);
RKI_INLINE void rk_freelist_push(struct rk_freelist *list, struct rk_freelist_node *node);

/*
 * Takes the node that was pushed last, of this CPU's list or, where that has none, of the overflow list.
 *
 * Returns NULL when neither has one. Also when the overflow list was in use: by the code that a signal handler
 * interrupted, or by another thread for more than a millisecond.
 * Context: as rk_freelist_push(). Cost: 0.5 to 1.5 ns with rseq, by processor; 40 without.
 */
RKI_INLINE struct rk_freelist_node *rk_freelist_pop(struct rk_freelist *list);

/*
 * Takes all nodes of one CPU's list, whose users go on meanwhile; with RK_INDEX_OVERFLOW for a CPU those of the overflow
 * list. rk_freelist_drain_all() takes the nodes of all lists.
 *
 * Returns 0 and in *nodes the first one, NULL if there was none; the last one's `next` is NULL. Otherwise *nodes has what
 * was got all the same: -EBUSY when another thread, or the code that a signal handler interrupted, drains that CPU;
 * -EHOSTUNREACH when there is no fence (remote.h): the nodes stay out of reach until another call succeeds; -EINVAL when
 * a parameter is NULL or the CPU isn't possible.
 * Context: any thread; signal handler; after fork; not in a vfork child. Cost: a fence for each CPU that ever used the
 * list; of all, a look at each node.
 */
RKI_API int rk_freelist_drain(struct rk_freelist *list, int cpu, struct rk_freelist_node **nodes);
RKI_API int rk_freelist_drain_all(struct rk_freelist *list, struct rk_freelist_node **nodes);

RKI_END_DECLS

#include <rseqkit/detail/freelist.h>

#endif /* RSEQKIT_FREELIST_H */
