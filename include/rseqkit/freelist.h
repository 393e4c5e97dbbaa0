/* SPDX-License-Identifier: MIT */
/*
 * freelist.h - per-CPU free lists (LIFO), for recycling memory.
 *
 * Above all: never free() or unmap a node before the list is destroyed, not even a node that was popped. Another thread can
 * still be about to pop that node, and crashes if the node's page was unmapped. Free the memory of nodes after
 * rk_freelist_destroy(). Only nodes in locked memory (mlock(2)) are allowed to be freed earlier.
 *
 *	struct buffer { struct rk_freelist_node link; char data[4000]; };
 *
 *	struct rk_freelist_node *link = rk_freelist_pop(list);
 *	struct buffer *b = link != NULL ? (struct buffer *)link : next_of(buffers);   // from an array that outlives the list
 *	...
 *	rk_freelist_push(list, &b->link);
 *
 * A push puts a node on the list of the CPU that the thread runs on. A pop takes a node from the list of the CPU that the
 * thread runs on, and never from the list of another CPU. A pop may therefore find no node while other CPUs' lists have nodes.
 * To get the nodes of other CPUs, drain their lists.
 *
 * A push never fails. Each node that was pushed can be popped or drained. A thread with rseq uses its CPU's list, by one
 * restartable sequence. A thread without rseq uses the overflow list, which all threads share. A thread whose sequence was
 * aborted RK_ABORTS_MAX times in a row also uses the overflow list. If the CPU's list is empty, a pop takes a node from the
 * overflow list.
 *
 * Nodes are the caller's memory. A node that was popped or drained belongs to the caller alone, and the caller is allowed to
 * write to the whole node. But the caller must keep the node mapped until the list is destroyed. Another thread that is about
 * to pop the node can wait for the node's page, for example because the page is swapped out. No fence reaches a thread that
 * waits for a page. free() can unmap memory. Only some allocators can be configured never to do this.
 *
 * fork: the child has its own copy of every list, with the nodes in it. A node that another thread holds at the fork, is
 * about to push, or has just popped is in no list of the child.
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
 * Returns 0 and the new list in *list; -EINVAL when `list` is NULL; -ENOMEM; -EUCLEAN as rk_percpu_alloc().
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: 0.1 us. The first list
 * of a process takes 50 us. If the process already has several threads, its first list takes 20 ms (rk_fence_prepare() in
 * remote.h).
 * Memory: 64 bytes for each CPU that uses the list.
 */
RKI_API int rk_freelist_create(struct rk_freelist **list);

/*
 * Destroys a list. NULL is allowed. Call the function only while no thread uses the list. If `rest` isn't NULL, the call
 * stores in *rest the first node of a chain of all nodes that were in the list. The last node's `next` is NULL.
 *
 * Returns 0, or:
 *   -EINVAL   `list` isn't a list, or was destroyed before. If `rest` isn't NULL, the call stores NULL in *rest
 *   -EUCLEAN  (RSEQKIT_PERCPU=debug in the environment) the memory after the list's slots was written to. The list isn't
 *             destroyed. If `rest` isn't NULL, the call stores the chain of all nodes in *rest, and the list is empty
 * Context: as rk_freelist_create(). Cost: as rk_counter_destroy(). If `rest` isn't NULL, the call also reads every CPU's list
 * and all nodes.
 */
RKI_API int rk_freelist_destroy(struct rk_freelist *list, struct rk_freelist_node **rest);

/*
 * rk_freelist_push() pushes one node. rk_freelist_push_chain() pushes a chain of nodes from `first` to `last`. The caller
 * links these nodes before the call. The next pop on this CPU takes `first`.
 *
 * Context: any thread; signal handler, even if it interrupted a function of the same list; after fork; in a vfork child only
 * inside rk_vfork_begin(). Asynchronous cancellation is not allowed, because it can leave the overflow list claimed (api.h).
 * Cost: with rseq 0.5 to 1.5 ns, depending on the processor; without rseq 20 ns.
 */
RKI_INLINE void rk_freelist_push_chain(struct rk_freelist *list, struct rk_freelist_node *first,
				       struct rk_freelist_node *last);
RKI_INLINE void rk_freelist_push(struct rk_freelist *list, struct rk_freelist_node *node);

/*
 * Takes the node that was pushed last to this CPU's list. If this CPU's list is empty, takes the node that was pushed last to
 * the overflow list.
 *
 * Returns NULL when both lists are empty. Also returns NULL when this CPU's list is empty and another thread uses the
 * overflow list for more than a millisecond. In a signal handler, also returns NULL when this CPU's list is empty and the
 * interrupted code was using the overflow list.
 * Context: as rk_freelist_push(). Cost: with rseq 0.5 to 1.5 ns, depending on the processor; without rseq 40 ns.
 */
RKI_INLINE struct rk_freelist_node *rk_freelist_pop(struct rk_freelist *list);

/*
 * rk_freelist_drain() takes all nodes of one CPU's list. Threads on that CPU are allowed to use the list during the call. If
 * `cpu` is RK_INDEX_OVERFLOW, rk_freelist_drain() takes all nodes of the overflow list. rk_freelist_drain_all() takes the
 * nodes of all lists.
 *
 * Returns 0, and stores in *nodes the first node of a chain, or NULL if there were no nodes. The last node's `next` is NULL.
 * After an error *nodes is the chain of the nodes that the call has taken. After an error on one list,
 * rk_freelist_drain_all() still drains the other lists. Errors:
 *   -EBUSY         another thread is draining the same CPU's list, or used the overflow list for more than a millisecond. Or
 *                  a signal handler made the call, and the handler interrupted code that was draining the same CPU's list or
 *                  using the overflow list
 *   -EHOSTUNREACH  there is no fence (remote.h). The nodes that were in that CPU's list can't be popped until a later drain
 *                  of that list succeeds
 *   -EINVAL        a pointer is NULL, or `cpu` is neither RK_INDEX_OVERFLOW nor a possible CPU
 * Context: any thread; signal handler; after fork; not in a vfork child. Cost: rk_freelist_drain() takes a fence.
 * rk_freelist_drain_all() takes a fence for each CPU that ever used the list, and reads each node.
 */
RKI_API int rk_freelist_drain(struct rk_freelist *list, int cpu, struct rk_freelist_node **nodes);
RKI_API int rk_freelist_drain_all(struct rk_freelist *list, struct rk_freelist_node **nodes);

RKI_END_DECLS

#include <rseqkit/detail/freelist.h>

#endif /* RSEQKIT_FREELIST_H */
