/* SPDX-License-Identifier: MIT */
/*
 * ref.h - a reference count that is cheap as long as its object is in use, and exact when that comes to an end.
 *
 * Above all: after rk_ref_put() the caller doesn't touch the object. Each object is killed once: one that is never killed is
 * never released.
 *
 *	struct connection { struct rk_ref ref; ... };
 *
 *	rk_ref_init(&c->ref, release);      // one reference, the owner's
 *	...
 *	rk_ref_get(&c->ref);                // by whoever has one: another
 *	...
 *	rk_ref_put(&c->ref);                // by each of them, on any CPU
 *	...
 *	rk_ref_kill(&c->ref);               // by the owner, once: its own is given back
 *
 * In C++ a class derives from rk_ref, and static_cast leads from the count to the object. That is also right for a class with
 * virtual functions, where offsetof() isn't defined (examples/objects.cc):
 *
 *	class shape : public rk_ref {
 *		static void release(rk_ref *ref) { delete static_cast<shape *>(ref); }
 *	...
 *
 * Until it is killed, a count is kept per CPU: a get and a put are an add each, by one restartable sequence, in a word of
 * the CPU that they happen to run on. Nobody can say then how many references there are, and nobody asks, because the owner
 * has one. rk_ref_kill() closes the words of the CPUs by a fence, adds them up, and from then on there is one word that
 * all share, changed by atomic instructions. Whoever gives back the last reference, the owner or another, calls `release`.
 *
 * An object that is never killed is never released. One that is used by few threads, for a short time, is better off with
 * an atomic count: a kill costs a fence.
 *
 * A thread without a reference that finds the object in a table calls rk_ref_get_try(). It fails when the object has no
 * reference any more. It reads the object, so the object's memory must stay until then. Either `release` defers the free by rcu
 * (rcu.h), or the table's lock is held both for this call and for taking the object out of the table.
 *
 * Total: a thread without rseq, or one whose sequence was aborted RK_ABORTS_MAX times in a row, counts in the shared word.
 * Where there is no fence when it is made (remote.h), all do, from the beginning.
 *
 * fork. A child has the references that there were, those of its parent's other threads too, which nobody gives back there:
 * as with any count, what they held stays. A kill that another thread was at can be called again in the child; where it had
 * come to its end already that says -EALREADY, and what the other thread was to release isn't released there.
 *
 * Memory order. What was done with an object before a put happened before its release, on all machines.
 */
#ifndef RSEQKIT_REF_H
#define RSEQKIT_REF_H

#include <rseqkit/abi.h>

/*
 * Stands in the object. Threads load it all the time, so what others write often should have another line. Its members are
 * this library's (detail/ref.h).
 */
struct rk_ref;

RKI_BEGIN_DECLS

/*
 * Makes a count with one reference. `release` is called when the last one is given back, in that thread: its context is
 * that of the rk_ref_put() or rk_ref_kill() that gave it back, a signal handler perhaps. It may free what `ref` is in.
 *
 * Returns 0; -EINVAL when ref or release is NULL; -ENOMEM; -EUCLEAN as rk_percpu_alloc().
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: 0.1 us; the first
 * one in a process as rk_freelist_create(), and a fence; each one, where there is none. Memory: 8 bytes for each CPU that
 * uses it, until it is killed.
 */
RKI_API int rk_ref_init(struct rk_ref *ref, void (*release)(struct rk_ref *ref));

/*
 * Takes a reference, and gives one back. Who takes one has one, or knows somebody who keeps one meanwhile. Who gives one
 * back doesn't touch the object any more.
 *
 * The reference of a vfork child that is killed stays: the object is never released.
 *
 * Context: any thread; signal handler, also one that interrupts these or rk_ref_kill(); after fork; not in a vfork child
 * outside rk_vfork_begin(). Cost: both together 1 to 4 ns with rseq, by processor; without, or behind the kill, an atomic
 * instruction each. And what `release` costs.
 */
RKI_INLINE void rk_ref_get(struct rk_ref *ref);
RKI_INLINE void rk_ref_put(struct rk_ref *ref);

/*
 * Takes a reference if there is one left; with _live only as long as no rk_ref_kill() has returned 0. A kill that happens
 * beside the call may be missed.
 *
 * Returns 0, or -ENOENT when none was taken. After the last one was given back it always fails, however long that is ago.
 * Context and cost: as rk_ref_get().
 */
RKI_INLINE int rk_ref_get_try(struct rk_ref *ref);
RKI_INLINE int rk_ref_get_live_try(struct rk_ref *ref);

/*
 * Ends the time of the cheap count, and gives back the reference that rk_ref_init() gave. Of several objects at once by
 * one fence, which is what it costs: rk_ref_kill_all(). No object is in `refs` twice, and one thread kills an object.
 *
 * Returns 0, and then the objects are not the caller's any more; -EINVAL when a parameter is NULL, in the array too;
 * -EALREADY when one of them was killed before, and then nothing was done; -EHOSTUNREACH when there is no fence (any more,
 * or for this thread, see remote.h): then all of them stay alive, with atomic instructions from now on, and it is to be
 * called again.
 * Context: any thread; signal handler; after fork; not in a vfork child; not under asynchronous cancellation (api.h). In
 * another copy of the library than the one that made it, the words are not used again. Cost: a fence, a load from each
 * CPU's word of each object, and what `release` costs.
 */
RKI_API int rk_ref_kill(struct rk_ref *ref);
RKI_API int rk_ref_kill_all(struct rk_ref *const *refs, size_t count);

RKI_END_DECLS

#include <rseqkit/detail/ref.h>

#endif /* RSEQKIT_REF_H */
