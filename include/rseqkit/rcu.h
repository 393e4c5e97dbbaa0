/* SPDX-License-Identifier: MIT */
/*
 * rcu.h - read-copy-update: data that is read all the time, by anybody, and replaced while it is read.
 *
 * Above all: a pointer that was dereferenced in a section is used in that section only. A thread in a section doesn't wait for
 * a grace period of the same domain: it would wait for itself.
 *
 *	struct rk_rcu_section *section;
 *
 *	rk_rcu_read_lock(rcu, &section);                        // reader
 *	c = rk_rcu_dereference(config);                         // c stays as it is, and there
 *	...
 *	rk_rcu_read_unlock(rcu, section);
 *
 *	old = rk_rcu_exchange(config, new);                     // writer
 *	rk_rcu_synchronize(rcu);                                // all who may have seen the old one are through
 *	free(old);
 *
 * A domain (struct rk_rcu) is what readers and writers have in common. No thread registers with it: a reader is counted on
 * the CPU that it runs on, by one restartable sequence, and uncounted on whichever CPU it runs on then, by another. So a
 * read section may be left on another CPU, and in another thread; fibers may move with it. Sections nest, in handlers too,
 * and may overlap; what was dereferenced in one is there as long as that one lasts. They may sleep: then writers wait as
 * long.
 *
 * Grace periods. One that began after a call ends when all sections that began before it are over. It doesn't wait for
 * later ones. There is one at a time; all who wait for one that hasn't begun share the next.
 *
 * Total: a reader without rseq, or whose sequence was aborted RK_ABORTS_MAX times in a row, is counted by an atomic
 * instruction in a word that all share. Where there was no fence when the domain was made (remote.h), all readers are.
 *
 * fork. Sections of other threads are over in a child: nobody waits there for what only its parent has. Those of the
 * thread that forked go on, if it says so (rk_rcu_read_keep()); leaving one that it began before is right in any case.
 * Such a section, not kept, may be left in a child's child and its child, but not in the fourth process from where it was
 * begun. Deferred calls are the child's as well, each once; one that another thread was running is that thread's. Where
 * the kernel can't wipe memory at a fork (before 4.14, which has no rseq either), a child waits for its parent's readers;
 * where no handlers of fork run, what remote.h says of claims goes for writers and deferred calls.
 *
 * Memory order. What was stored before rk_rcu_publish() is seen by whoever gets the pointer. What readers loaded and
 * stored in a section happened before the end of the grace period that waited for it. Readers execute no barrier for
 * that: src/structures/rcu.c says, step by step, why that is right on machines that order less than x86.
 */
#ifndef RSEQKIT_RCU_H
#define RSEQKIT_RCU_H

#include <rseqkit/percpu.h>

struct rk_rcu;         /* its address is that of the item in per-CPU memory (percpu.h) */
struct rk_rcu_section; /* a read section: where it was counted */

RKI_BEGIN_DECLS

/*
 * Creates a domain.
 *
 * Parameters: calls_max is how many deferred calls may wait at a time, up to RK_RCU_CALLS_MAX; 0 for that many.
 * Returns 0 and the domain in *rcu; -EINVAL when rcu is NULL or calls_max is above that; -ENOMEM; -EUCLEAN as
 * rk_percpu_alloc().
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: as
 * rk_freelist_create(), and a fence. Memory: 128 bytes for each CPU that readers run on, and 256 for all.
 */
#define RK_RCU_CALLS_MAX 0x7fffffff
RKI_API int rk_rcu_create(struct rk_rcu **rcu, size_t calls_max);

/*
 * Destroys a domain; NULL is allowed. No thread may be using it.
 *
 * Returns 0; -EBUSY while it has a worker (rk_rcu_worker_stop()), a call is deferred (rk_rcu_barrier()) or a section goes on;
 * -EINVAL when it is no domain (any more); -EUCLEAN as rk_percpu_free().
 * Context: as rk_rcu_create(). Cost: as rk_counter_destroy().
 */
RKI_API int rk_rcu_destroy(struct rk_rcu *rcu);

/*
 * rk_rcu_read_lock() begins a read section and stores its handle in *section. rk_rcu_read_unlock() ends the section of a handle,
 * once. Another thread may end it. Then the handle goes to that thread by a release and an acquire, as by a lock or a queue.
 *
 * A vfork child that is killed in a section never ends it: later grace periods don't end either. Such a child does better
 * without sections.
 *
 * Context: any thread; signal handler, also one that interrupts these; after fork; not in a vfork child outside
 * rk_vfork_begin(). Cost: both together 1 to 4 ns with rseq, by processor; 10 to 30 without.
 */
RKI_INLINE void rk_rcu_read_lock(struct rk_rcu *rcu, struct rk_rcu_section **section);
RKI_INLINE void rk_rcu_read_unlock(struct rk_rcu *rcu, struct rk_rcu_section *section);

/*
 * In a child of fork: a section that the forking thread was in goes on here, and grace periods of this process wait for it.
 * To be called before anything else is done with the domain, once for each such section.
 *
 * Returns what to end it with from now on. In the process where it was begun, that is `section`.
 * Context: as rk_rcu_read_lock(). Cost: as that.
 */
RKI_API struct rk_rcu_section *rk_rcu_read_keep(struct rk_rcu *rcu, struct rk_rcu_section *section);

/*
 * The pointer that readers find: `pointer` is the variable that holds it, as in the kernel's rcu_dereference(pointer).
 *
 *   rk_rcu_dereference(pointer)       returns it, for a reader in a section
 *   rk_rcu_publish(pointer, next)     stores `next` in it
 *   rk_rcu_exchange(pointer, next)    the same, and returns what it held
 *
 * NULL is a pointer too. Writers exclude each other by means of their own. A variable that isn't a pointer doesn't compile.
 * The functions do the same with the variable's address, for other languages.
 *
 * Context: any. Cost: a load, a store, an atomic instruction.
 */
#define rk_rcu_dereference(pointer) (RKI_IS_POINTER(pointer), __atomic_load_n(&(pointer), __ATOMIC_ACQUIRE))
#define rk_rcu_publish(pointer, next) (RKI_IS_POINTER(pointer), __atomic_store_n(&(pointer), (next), __ATOMIC_RELEASE))
#define rk_rcu_exchange(pointer, next) (RKI_IS_POINTER(pointer), __atomic_exchange_n(&(pointer), (next), __ATOMIC_ACQ_REL))

RKI_INLINE void *rk_rcu_dereference_at(void *const *address);
RKI_INLINE void rk_rcu_publish_at(void **address, void *next);
RKI_INLINE void *rk_rcu_exchange_at(void **address, void *next);

/*
 * Waits for a grace period: until all sections that began before the call are over. rk_rcu_synchronize_for() gives up
 * after `nanoseconds`; the period goes on without it. Not in a read section of the same domain: it would wait for itself.
 *
 * Returns 0; -ETIMEDOUT; -EINVAL when nanoseconds is negative, where it would have to wait; -EHOSTUNREACH when there is
 * no fence (any more), and then nothing is known, nor waited for; -EDEADLK in a signal handler that interrupted this
 * thread in here, where a filter kept it from blocking signals.
 * Context: any thread; signal handler, unless it interrupted a section of this domain, or rk_rcu_read_lock(); after fork;
 * not in a vfork child; not under asynchronous cancellation (api.h). Signals are blocked while a period is moved on, not
 * while this waits. Cost: a fence (remote.h), on other machines than x86 two more of another kind, and loads from each
 * CPU's slot. Where readers are still there it looks again after a microsecond, later after up to a millisecond, asleep.
 */
RKI_API int rk_rcu_synchronize(struct rk_rcu *rcu);
RKI_API int rk_rcu_synchronize_for(struct rk_rcu *rcu, int64_t nanoseconds);

/*
 * The same in two steps, for who has something else to do meanwhile. rk_rcu_start() returns the number of a grace period
 * that begins after the call. rk_rcu_poll() tells whether it is over, and moves it on if it can; nobody else does, so it is
 * called until it says so. A number belongs to the domain that gave it: of another one rk_rcu_poll() may say 1 too early.
 * It stays good for ever, and in children too.
 *
 * Returns of rk_rcu_poll(): 1 if it is over, 0 if not (yet), -EINVAL when rk_rcu_start() of this domain can't have returned
 * that number yet, -EHOSTUNREACH as above.
 * Context: as rk_rcu_synchronize(), but in any signal handler; in one that interrupted a section it says 0. Cost:
 * rk_rcu_start() an atomic instruction; rk_rcu_poll() a load when it is over, else what a period or two take, without
 * waiting for readers.
 */
RKI_API uint64_t rk_rcu_start(struct rk_rcu *rcu);
RKI_API int rk_rcu_poll(struct rk_rcu *rcu, uint64_t period);

/* A deferred call: a member of what is to be freed, say. It is the domain's until the function is called. */
struct rk_rcu_call {
	struct rk_rcu_call *next;
	void (*function)(struct rk_rcu_call *call);
};

/*
 * Calls function(call) after a grace period. The call runs in a thread that calls rk_rcu_run() or rk_rcu_barrier(), or in the
 * domain's worker. So a program starts a worker (rk_rcu_worker_start()), or calls rk_rcu_run() now and then. Without either,
 * deferred calls never run. Their order isn't specified. Calls that are still deferred at process exit don't run.
 * A function may use everything of this header but rk_rcu_run() and rk_rcu_barrier(). It doesn't throw, and doesn't end its
 * thread. That thread isn't cancelled meanwhile.
 *
 * Returns 0; -EAGAIN when as many calls wait as the domain was made for, and then nothing happens: run some, or wait and do
 * it oneself.
 * Context: any thread; signal handler, also one that interrupts any of these; after fork; not in a vfork child; not under
 * asynchronous cancellation (api.h). A call that another thread was deferring, or calling, when a process was forked may
 * count for the limit in the child. Cost: two atomic instructions on memory that all share.
 */
RKI_API int rk_rcu_defer(struct rk_rcu *rcu, struct rk_rcu_call *call, void (*function)(struct rk_rcu_call *call));

/*
 * Runs deferred calls whose grace period is over. If there are none it waits for up to `nanoseconds` for some. A program without
 * a worker calls it now and then, with 0.
 *
 * Returns how many it ran; -EBUSY when another thread was at it all the time; -EDEADLK in a deferred call, or in a
 * handler that interrupted this; -EINVAL when nanoseconds is negative, where it would have to wait; -EHOSTUNREACH as
 * rk_rcu_synchronize().
 * Context: as rk_rcu_synchronize(). Cost: a grace period for all that were deferred meanwhile.
 */
RKI_API int rk_rcu_run(struct rk_rcu *rcu, int64_t nanoseconds);

/*
 * rk_rcu_worker_start() starts a thread, the domain's worker, which sleeps until a call is deferred and runs deferred calls
 * when their grace period is over. rk_rcu_worker_stop() ends the worker, and waits for that. It doesn't run what is still
 * deferred: call rk_rcu_barrier() before.
 *
 *	rk_rcu_create(&rcu, 0);
 *	rk_rcu_worker_start(rcu);
 *	...
 *	rk_rcu_defer(rcu, &old->call, free_config);             // the worker frees it
 *	...
 *	rk_rcu_barrier(rcu);                                    // at the end of the program
 *	rk_rcu_worker_stop(rcu);
 *	rk_rcu_destroy(rcu);
 *
 * A child of fork has no worker, and starts one of its own if it wants one. The worker is named "rk_rcu". It blocks all signals
 * but those that an instruction causes. Where the domain has lost its fence, it tries again ten times a second.
 *
 * Returns 0. rk_rcu_worker_start() returns -EALREADY when the domain has a worker, or another thread is starting or stopping it;
 * -EAGAIN and -EPERM as pthread_create(3). rk_rcu_worker_stop() returns -EALREADY when the domain has no worker, or another
 * thread is starting or stopping it; -EDEADLK in a deferred call that the worker runs.
 * Context: any thread; after fork; not in a signal handler; not in a vfork child or inside rk_vfork_begin(). Cost: a thread.
 */
RKI_API int rk_rcu_worker_start(struct rk_rcu *rcu);
RKI_API int rk_rcu_worker_stop(struct rk_rcu *rcu);

/*
 * Waits until all calls that were deferred before have been called, by this thread or others.
 *
 * Returns 0; -EDEADLK and -EHOSTUNREACH as rk_rcu_run().
 * Context: as rk_rcu_synchronize(). Cost: up to two grace periods.
 */
RKI_API int rk_rcu_barrier(struct rk_rcu *rcu);

RKI_END_DECLS

#include <rseqkit/detail/rcu.h>

#endif /* RSEQKIT_RCU_H */
