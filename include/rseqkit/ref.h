/* SPDX-License-Identifier: MIT */
/*
 * ref.h - a reference count that is cheap while its object is in use, and exact from the moment when the owner gives up the
 * object.
 *
 * Above all: after rk_ref_put(), don't touch the object. Kill each object exactly once: an object that isn't killed is never
 * released.
 *
 *	struct connection { struct rk_ref ref; ... };
 *
 *	rk_ref_init(&c->ref, release);      // one reference, the owner's
 *	...
 *	rk_ref_get(&c->ref);                // another reference, for a thread that has one
 *	...
 *	rk_ref_put(&c->ref);                // once for each reference, on any CPU
 *	...
 *	rk_ref_kill(&c->ref);               // by the owner, once: gives back the owner's reference
 *
 * In C++, derive a class from rk_ref, and convert the count to the object by static_cast. This is also correct for a class with
 * virtual functions, for which offsetof() isn't defined (examples/objects.cc):
 *
 *	class shape : public rk_ref {
 *		static void release(rk_ref *ref) { delete static_cast<shape *>(ref); }
 *	...
 *
 * The count works like percpu_ref of the kernel. Until the kill, the count is kept per CPU. A get or a put is one add to a word
 * of the CPU that the thread runs on, by one restartable sequence. Before the kill, the number of references isn't known. This
 * number needn't be known, because the owner still has a reference. The kill closes the words of all CPUs by a fence, and adds
 * up these words. From then on all threads share one word, which they change by atomic instructions. The thread that gives back
 * the last reference calls `release`.
 *
 * If few threads use an object for a short time, an atomic count is cheaper, because a kill takes a fence.
 *
 * If a thread has no reference, but finds the object in a table, it calls rk_ref_get_try(). That function fails if the object
 * has no reference any more. Because the function reads the object, the object's memory must stay allocated until the function
 * returns. There are two ways to ensure that. Either the thread is in a read section during the call, and `release` defers the
 * free by rcu (rcu.h). Or all threads hold the table's lock, both when they call rk_ref_get_try() and when they remove the
 * object from the table.
 *
 * Fallback. A thread without rseq counts in the shared word. A thread whose sequence was aborted RK_ABORTS_MAX times in a row
 * also counts there. If no fence (remote.h) is available when the count is initialised, all threads count in the shared word
 * from the beginning.
 *
 * fork. In a child all references still count, also those of its parent's other threads. No thread of the child gives the other
 * threads' references back, so their objects stay allocated, as with any reference count. If another thread was killing an
 * object at the fork, the child is allowed to call rk_ref_kill() for that object. The call returns -EALREADY if the other
 * thread had already changed the count. If that thread was just about to call `release`, the object is never released in the
 * child.
 *
 * Memory order. All that a thread does with an object until it gives its reference back is ordered before the object's release,
 * on all machines.
 */
#ifndef RSEQKIT_REF_H
#define RSEQKIT_REF_H

#include <rseqkit/abi.h>

/*
 * The count, a member of the object. Threads load the count all the time, so keep data that changes often out of the count's
 * cache line. The members of the structure are private to the library (detail/ref.h).
 */
struct rk_ref;

RKI_BEGIN_DECLS

/*
 * Initialises a count with one reference, the owner's. The thread that gives back the last reference calls `release`, inside
 * its rk_ref_put() or rk_ref_kill(). `release` therefore runs in the context of that call, which can be in a signal handler.
 * The function `release` is allowed to free the memory that contains `ref`.
 *
 * Returns 0; -EINVAL if ref or release is NULL; -ENOMEM; -EUCLEAN as rk_percpu_alloc().
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: 0.1 us. The first call in
 * a process takes as long as rk_freelist_create() and a fence. If no fence is available, each call tries a fence. Memory: 8
 * bytes for each CPU that uses the count, until the kill.
 */
RKI_API int rk_ref_init(struct rk_ref *ref, void (*release)(struct rk_ref *ref));

/*
 * rk_ref_get() takes a reference, and rk_ref_put() gives a reference back. Call rk_ref_get() only if the thread has a reference
 * already, or if another thread keeps one during the call. After rk_ref_put(), don't touch the object.
 *
 * If a vfork child is killed, it never gives back its references, and the object is never released.
 *
 * Context: any thread; signal handler, also one that interrupts these functions or rk_ref_kill(); after fork; in a vfork child
 * only inside rk_vfork_begin(). Cost: both together take 1 to 4 ns with rseq, depending on the processor. Without rseq, or
 * after the kill, each takes an atomic instruction. The last put also takes the time of `release`.
 */
RKI_INLINE void rk_ref_get(struct rk_ref *ref);
RKI_INLINE void rk_ref_put(struct rk_ref *ref);

/*
 * Both functions take a reference if the object still has one. The function rk_ref_get_live_try() also fails once an
 * rk_ref_kill() of the object has returned 0. It can succeed while a kill runs at the same time.
 *
 * Returns 0, or -ENOENT if it took no reference. Once the last reference was given back, both functions always fail, however
 * long ago that was.
 * Context and cost: as rk_ref_get().
 */
RKI_INLINE int rk_ref_get_try(struct rk_ref *ref);
RKI_INLINE int rk_ref_get_live_try(struct rk_ref *ref);

/*
 * Kill an object, or several objects by one fence: end the count per CPU, and give back the owner's reference, which
 * rk_ref_init() made. Only one thread may kill an object. No object may be in `refs` twice.
 *
 * Returns 0. After this the caller must not touch the objects any more. Otherwise returns:
 *   -EINVAL        a parameter or an entry of the array is NULL; nothing was done
 *   -EALREADY      one of the objects was killed before; nothing was done
 *   -EHOSTUNREACH  the fence failed (remote.h). All of the objects stay alive, and their counts change by atomic instructions
 *                  from now on. Call the function again later
 * Context: any thread; signal handler; after fork; not in a vfork child; not under asynchronous cancellation (api.h). Cost: a
 * fence, a load from each CPU's word of each object, and the time of `release`. If another copy of the library made the count,
 * the words in per-CPU memory stay allocated.
 */
RKI_EXPORT int rk_ref_kill(struct rk_ref *ref);
RKI_EXPORT int rk_ref_kill_all(struct rk_ref *const *refs, size_t count);

RKI_END_DECLS

#include <rseqkit/detail/ref.h>

#endif /* RSEQKIT_REF_H */
