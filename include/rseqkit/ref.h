/* SPDX-License-Identifier: MIT */
/*
 * ref.h - a reference count that is cheap while its object is in use, and exact when that use ends.
 *
 * Above all: after rk_ref_put() the caller doesn't touch the object. Each object is killed once: an object that is never
 * killed is never released.
 *
 *	struct connection { struct rk_ref ref; ... };
 *
 *	rk_ref_init(&c->ref, release);      // one reference, the owner's
 *	...
 *	rk_ref_get(&c->ref);                // another one, by a thread that has one
 *	...
 *	rk_ref_put(&c->ref);                // by each of them, on any CPU
 *	...
 *	rk_ref_kill(&c->ref);               // by the owner, once: gives back its own
 *
 * In C++ a class derives from rk_ref, and static_cast leads from the count to the object. That is also right for a class with
 * virtual functions, where offsetof() isn't defined (examples/objects.cc):
 *
 *	class shape : public rk_ref {
 *		static void release(rk_ref *ref) { delete static_cast<shape *>(ref); }
 *	...
 *
 * It works like percpu_ref of the kernel. Until the kill the count is kept per CPU. A get or a put is one add, by one
 * restartable sequence, to a word of the CPU that the thread runs on. The number of references isn't known then. It needn't
 * be: the owner still has one. The kill closes the words of all CPUs by a fence, and adds them up. From then on all threads
 * share one word, which they change by atomic instructions. The thread that gives back the last reference calls `release`.
 *
 * An object that few threads use for a short time does better with an atomic count: a kill costs a fence.
 *
 * A thread without a reference that finds the object in a table calls rk_ref_get_try(). The call fails when the object has no
 * reference any more. It reads the object, so the object's memory must stay until the call returns. There are two ways to
 * ensure that. Either `release` defers the free by rcu (rcu.h). Or all threads hold the table's lock for this call, and for
 * taking the object out of the table.
 *
 * Fallback. A thread without rseq counts in the shared word. So does a thread whose sequence was aborted RK_ABORTS_MAX times
 * in a row. Where there is no fence (remote.h) when the count is made, all threads count there from the beginning.
 *
 * fork. A child has all references, also those of its parent's other threads. The child doesn't give those back, so their
 * objects stay, as with any reference count. If another thread was killing an object at the fork, the child may call
 * rk_ref_kill() again. The call returns -EALREADY when the count had already been changed. If the other thread was about to
 * call `release` then, the object isn't released in the child.
 *
 * Memory order. All that a thread does with an object before a put happens before the object's release, on all machines.
 */
#ifndef RSEQKIT_REF_H
#define RSEQKIT_REF_H

#include <rseqkit/abi.h>

/*
 * The count, a member of the object. Threads load it all the time, so data that is often written should be in another cache
 * line. Its members are this library's (detail/ref.h).
 */
struct rk_ref;

RKI_BEGIN_DECLS

/*
 * Makes a count with one reference. When the last reference is given back, `release` is called in that thread. Its context is
 * that of the rk_ref_put() or rk_ref_kill(), a signal handler perhaps. The function `release` may free the memory that `ref`
 * is in.
 *
 * Returns 0; -EINVAL when ref or release is NULL; -ENOMEM; -EUCLEAN as rk_percpu_alloc().
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: 0.1 us. The first call
 * in a process takes as long as rk_freelist_create(), and a fence. Where there is no fence, each call tries one. Memory: 8
 * bytes for each CPU that uses the count, until it is killed.
 */
RKI_API int rk_ref_init(struct rk_ref *ref, void (*release)(struct rk_ref *ref));

/*
 * Take a reference, and give one back. A thread that takes a reference has one already, or knows that another thread keeps one
 * meanwhile. After rk_ref_put() the caller doesn't touch the object.
 *
 * A vfork child that is killed never gives back its references: the object is never released.
 *
 * Context: any thread; signal handler, also one that interrupts these or rk_ref_kill(); after fork; not in a vfork child
 * outside rk_vfork_begin(). Cost: both together 1 to 4 ns with rseq, depending on the processor. Without rseq, or after the
 * kill, an atomic instruction each. The last put takes what `release` takes, too.
 */
RKI_INLINE void rk_ref_get(struct rk_ref *ref);
RKI_INLINE void rk_ref_put(struct rk_ref *ref);

/*
 * Take a reference if there is one left. The form with _live also fails once an rk_ref_kill() of the object has returned 0. It
 * may miss a kill that runs at the same time.
 *
 * Returns 0, or -ENOENT when it took none. After the last reference was given back it always fails, however long ago that was.
 * Context and cost: as rk_ref_get().
 */
RKI_INLINE int rk_ref_get_try(struct rk_ref *ref);
RKI_INLINE int rk_ref_get_live_try(struct rk_ref *ref);

/*
 * Kill an object, or several objects by one fence: end the count per CPU, and give back the reference that rk_ref_init() gave.
 * Only one thread kills an object. No object is in `refs` twice.
 *
 * Returns 0, and then the objects are not the caller's any more, or:
 *   -EINVAL        a parameter or an entry of the array is NULL; nothing was done
 *   -EALREADY      one of the objects was killed before; nothing was done
 *   -EHOSTUNREACH  there is no fence, no longer one, or none for this thread (remote.h). All of the objects stay alive, and
 *                  use atomic instructions from now on. Call the function again later
 * Context: any thread; signal handler; after fork; not in a vfork child; not under asynchronous cancellation (api.h). Cost: a
 * fence, a load from each CPU's word of each object, and what `release` takes. If another copy of the library made the count,
 * the words in per-CPU memory stay allocated.
 */
RKI_API int rk_ref_kill(struct rk_ref *ref);
RKI_API int rk_ref_kill_all(struct rk_ref *const *refs, size_t count);

RKI_END_DECLS

#include <rseqkit/detail/ref.h>

#endif /* RSEQKIT_REF_H */
