/* SPDX-License-Identifier: MIT */
/*
 * rcu.h - read-copy-update (RCU): many threads read data all the time, and writers replace it meanwhile.
 *
 * Above all: a pointer that was dereferenced in a section is used in that section only. A thread in a section doesn't wait for
 * a grace period of the same domain: it would wait for itself.
 *
 *	struct rk_rcu_section *section;
 *
 *	rk_rcu_read_lock(rcu, &section);                        // reader
 *	c = rk_rcu_dereference(config);                         // c stays valid and unchanged
 *	...
 *	rk_rcu_read_unlock(rcu, section);
 *
 *	old = rk_rcu_exchange(config, new);                     // writer
 *	rk_rcu_synchronize(rcu);                                // readers of the old one have left
 *	free(old);
 *
 * Readers and writers share a domain (struct rk_rcu). Threads don't register with it. A reader that begins a section is
 * counted on the CPU that it runs on, by one restartable sequence. Another restartable sequence uncounts the reader, on the
 * CPU that it runs on when the section ends. Domains are like those of SRCU in the kernel.
 *
 * So a read section may end on another CPU, and in another thread. Fibers may move with it. Sections nest, in signal handlers
 * too, and may overlap. Data that was dereferenced in a section stays valid until that section ends. A thread may sleep in a
 * section: writers wait for it then.
 *
 * Grace periods. A grace period ends when all sections that began before it have ended. It doesn't wait for later sections.
 * Only one grace period of a domain runs at a time. Callers that arrive meanwhile share the next one.
 *
 * Fallback. A reader without rseq is counted by an atomic instruction, in a word that all threads share. So is a reader whose
 * sequence was aborted RK_ABORTS_MAX times in a row. Where there was no fence (remote.h) when the domain was made, all readers
 * are counted there.
 *
 * ThreadSanitizer. Build the library with it, too. Otherwise it can't see what orders readers and deferred calls, and reports
 * races that don't exist.
 *
 * fork. In a child the sections of other threads are over: the child doesn't wait for them. Sections of the thread that forked
 * go on if the thread calls rk_rcu_read_keep() for them. Kept or not, the thread may end a section that it began before the
 * fork. A section that isn't kept may be ended after up to three forks, each in the child of the one before. After a fourth
 * fork it must not be ended.
 *
 * A child also has the deferred calls, and runs each of them once. A call that another thread was running at the fork doesn't
 * run in the child. Kernels before 4.14 can't wipe memory at a fork, and have no rseq either. With such a kernel a child waits
 * for its parent's readers. For writers and deferred calls the rules of claims hold where no fork handlers run (remote.h).
 *
 * Memory order. A reader that loads a pointer sees all that was stored before rk_rcu_publish() stored the pointer. All that a
 * reader loads and stores in a section happens before the end of each grace period that waited for the section. Readers need
 * no barrier for that. Comments in src/structures/rcu.c explain it step by step, for machines with a weaker memory order than
 * x86 too.
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
 * Parameters: calls_max is the highest number of deferred calls that may wait at a time, at most RK_RCU_CALLS_MAX; 0 means
 * RK_RCU_CALLS_MAX.
 * Returns 0 and the domain in *rcu; -EINVAL when rcu is NULL or calls_max is too large; -ENOMEM; -EUCLEAN as
 * rk_percpu_alloc().
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: as rk_freelist_create(),
 * and a fence. Memory: 128 bytes for each CPU that readers run on, and 256 for the domain.
 */
#define RK_RCU_CALLS_MAX 0x7fffffff
RKI_API int rk_rcu_create(struct rk_rcu **rcu, size_t calls_max);

/*
 * Destroys a domain; NULL is allowed. No thread may be using it.
 *
 * Returns 0, or:
 *   -EBUSY    the domain has a worker (see rk_rcu_worker_stop()), deferred calls (see rk_rcu_barrier()) or open sections
 *   -EINVAL   it isn't a domain, or was destroyed before
 *   -EUCLEAN  as rk_percpu_free()
 * Context: as rk_rcu_create(). Cost: as rk_counter_destroy().
 */
RKI_API int rk_rcu_destroy(struct rk_rcu *rcu);

/*
 * Begin and end a read section. The function rk_rcu_read_lock() stores the section's handle in *section. With that handle
 * rk_rcu_read_unlock() ends the section, once. Another thread may end it. Pass the handle to that thread through a lock or a
 * queue, so that a release and an acquire order the two.
 *
 * A vfork child that is killed in a section never ends it, and later grace periods never end either. So avoid sections in a
 * child that may be killed.
 *
 * Context: any thread; signal handler, also one that interrupts these functions; after fork; not in a vfork child outside
 * rk_vfork_begin(). Cost: both together 1 to 4 ns with rseq, depending on the processor; 10 to 30 ns without.
 */
RKI_INLINE void rk_rcu_read_lock(struct rk_rcu *rcu, struct rk_rcu_section **section);
RKI_INLINE void rk_rcu_read_unlock(struct rk_rcu *rcu, struct rk_rcu_section *section);

/*
 * Keeps a section in a child of fork. The thread was in the section when it forked. After the call the section goes on in the
 * child, and grace periods of the child wait for it. Call the function once for each such section, before any other use of the
 * domain.
 *
 * Returns the handle that ends the section from now on. In the process that began the section, this is `section`.
 * Context and cost: as rk_rcu_read_lock().
 */
RKI_API struct rk_rcu_section *rk_rcu_read_keep(struct rk_rcu *rcu, struct rk_rcu_section *section);

/*
 * Load and replace the pointer that readers use. `pointer` is the variable that holds it, as in the kernel's
 * rcu_dereference(pointer).
 *
 *   rk_rcu_dereference(pointer)       returns the pointer, for a reader in a section
 *   rk_rcu_publish(pointer, next)     stores `next`
 *   rk_rcu_exchange(pointer, next)    stores `next` and returns the previous pointer
 *
 * The pointer may be NULL. Writers exclude each other by a lock of their own. A variable that isn't a pointer doesn't compile.
 * The functions rk_rcu_..._at() do the same with the variable's address, for other languages.
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
 * Wait for a grace period: until all sections that began before the call have ended. The function rk_rcu_synchronize_for()
 * returns after `nanoseconds` at the latest. The next thread that waits or polls then continues the period. Don't wait in a
 * read section of the same domain: the thread would wait for itself.
 *
 * Returns 0, or:
 *   -ETIMEDOUT     the time is over
 *   -EINVAL        nanoseconds is negative, and the call would have to wait
 *   -EHOSTUNREACH  there is no fence, or no longer one: the call didn't wait, and readers may still be in their sections
 *   -EDEADLK       a signal handler interrupted this function in the same thread, where a filter kept it from blocking signals
 * Context: any thread; signal handler, unless it interrupted a section of this domain or rk_rcu_read_lock(); after fork; not
 * in a vfork child; not under asynchronous cancellation (api.h). Signals are blocked while the function moves a period on, not
 * while it waits.
 * Cost: a fence (remote.h), and loads from each CPU's slot. Machines other than x86 need two more fences, of memory. While
 * there are readers the function looks again, 100 times without a pause and then after sleeps. The first sleep takes 1 us,
 * later ones up to 1 ms.
 */
RKI_API int rk_rcu_synchronize(struct rk_rcu *rcu);
RKI_API int rk_rcu_synchronize_for(struct rk_rcu *rcu, int64_t nanoseconds);

/*
 * Wait for a grace period in two steps, and do other work in between. First rk_rcu_start() returns the number of a grace
 * period that begins after the call. Then rk_rcu_poll() checks whether that period is over, and moves it on if it can. The
 * period may make no progress without this: call rk_rcu_poll() until it returns 1.
 *
 * A number belongs to the domain that returned it. For a number of another domain rk_rcu_poll() may return 1 too early.
 * Numbers stay valid for ever, in children too.
 *
 * Returns of rk_rcu_poll():
 *   1              the period is over
 *   0              the period isn't over yet
 *   -EINVAL        rk_rcu_start() of this domain can't have returned that number yet
 *   -EHOSTUNREACH  as rk_rcu_synchronize()
 * Context: as rk_rcu_synchronize(), and any signal handler. If the handler interrupted a section, rk_rcu_poll() returns 0 for
 * a period that waits for that section.
 * Cost: rk_rcu_start() an atomic instruction. When the period is over, rk_rcu_poll() takes a load. Otherwise it takes what one
 * or two periods take, without the waiting for readers.
 */
RKI_API uint64_t rk_rcu_start(struct rk_rcu *rcu);
RKI_API int rk_rcu_poll(struct rk_rcu *rcu, uint64_t period);

/* A deferred call, often a member of the object to be freed. It belongs to the domain until the function is called. */
struct rk_rcu_call {
	struct rk_rcu_call *next;
	void (*function)(struct rk_rcu_call *call);
};

/*
 * Calls function(call) after a grace period. The call runs in a thread that calls rk_rcu_run() or rk_rcu_barrier(), or in the
 * domain's worker. So a program starts a worker (rk_rcu_worker_start()), or calls rk_rcu_run() now and then. Without either,
 * deferred calls never run. Their order isn't specified. Calls that are still deferred at process exit don't run.
 *
 * The function may use everything in this header except rk_rcu_run() and rk_rcu_barrier(). It must not throw an exception or
 * end its thread. The thread isn't cancelled while the function runs.
 *
 * Returns 0; -EAGAIN when as many calls wait as the domain allows, and then nothing happens. The caller may run some calls, or
 * wait for a grace period and free the object itself.
 * Context: any thread; signal handler, also one that interrupts any of these functions; after fork; not in a vfork child; not
 * under asynchronous cancellation (api.h). If another thread was deferring or running a call at a fork, that call may count
 * against the limit in the child.
 * Cost: two atomic instructions on memory that all threads share. When a thread sleeps until a call is deferred, a system call
 * wakes it.
 */
RKI_API int rk_rcu_defer(struct rk_rcu *rcu, struct rk_rcu_call *call, void (*function)(struct rk_rcu_call *call));

/*
 * Runs the deferred calls whose grace period is over. If there are none, the function waits for some, for up to `nanoseconds`.
 * A program without a worker calls it now and then, with 0.
 *
 * Returns the number of calls that it ran, or:
 *   -EBUSY         another thread was running deferred calls all the time
 *   -EDEADLK       the caller is a deferred call, or a signal handler that interrupted this function
 *   -EINVAL        nanoseconds is negative, and the call would have to wait
 *   -EHOSTUNREACH  as rk_rcu_synchronize()
 * Context: as rk_rcu_synchronize(). Cost: one grace period for all calls that were deferred meanwhile.
 */
RKI_API int rk_rcu_run(struct rk_rcu *rcu, int64_t nanoseconds);

/*
 * Start and stop the domain's worker, a thread that rk_rcu_worker_start() creates. The worker sleeps until a call is deferred,
 * and runs deferred calls when their grace period is over. To end it, call rk_rcu_worker_stop(), which waits until the thread
 * has ended. The worker doesn't run calls that are still deferred then: call rk_rcu_barrier() before.
 *
 *	static void free_config(struct rk_rcu_call *call)       // in the worker, or in a thread that calls rk_rcu_barrier()
 *	{
 *		free((char *)call - offsetof(struct config, call));
 *	}
 *
 *	rk_rcu_create(&rcu, 0);
 *	rk_rcu_worker_start(rcu);
 *	...
 *	rk_rcu_defer(rcu, &old->call, free_config);
 *	...
 *	rk_rcu_barrier(rcu);                                    // at the end of the program
 *	rk_rcu_worker_stop(rcu);
 *	rk_rcu_destroy(rcu);
 *
 * A child of fork has no worker, and may start its own. The worker is named "rk_rcu". It blocks all signals except those that
 * an instruction causes. Where the domain has lost its fence, the worker tries again ten times a second.
 *
 * Returns of rk_rcu_worker_start(): 0, or:
 *   -EALREADY        the domain has a worker, or another thread is starting or stopping it
 *   -EAGAIN, -EPERM  as pthread_create(3)
 * Returns of rk_rcu_worker_stop(): 0, or:
 *   -EALREADY        the domain has no worker, or another thread is starting or stopping it
 *   -EDEADLK         the caller is a deferred call that the worker runs
 * Context: any thread; after fork; not in a signal handler; not in a vfork child or inside rk_vfork_begin(). Cost: a thread.
 */
RKI_API int rk_rcu_worker_start(struct rk_rcu *rcu);
RKI_API int rk_rcu_worker_stop(struct rk_rcu *rcu);

/*
 * Waits until all calls that were deferred before have run, in this thread or in others.
 *
 * Returns 0; -EDEADLK or -EHOSTUNREACH as rk_rcu_run().
 * Context: as rk_rcu_synchronize(). Cost: up to two grace periods.
 */
RKI_API int rk_rcu_barrier(struct rk_rcu *rcu);

RKI_END_DECLS

#include <rseqkit/detail/rcu.h>

#endif /* RSEQKIT_RCU_H */
