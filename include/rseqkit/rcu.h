/* SPDX-License-Identifier: MIT */
/*
 * rcu.h - read-copy-update (RCU): many threads read data all the time, and writers replace the data meanwhile.
 *
 * Above all: never use a pointer after the end of the section in which it was dereferenced. Inside a section, never wait for a
 * grace period of the same domain: the thread would wait for itself.
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
 * Readers and writers share a domain (struct rk_rcu). Threads don't register with a domain. A reader that begins a section is
 * counted on the CPU that it runs on, by one restartable sequence. Another restartable sequence uncounts the reader, on the CPU
 * on which the section ends. Domains are like those of SRCU in the kernel.
 *
 * A read section can therefore end on another CPU, and in another thread. A fiber may begin a section in one thread and end it
 * in another. Sections may nest, even in signal handlers, and may overlap. Data that was dereferenced in a section stays valid
 * until that section ends. A thread may sleep in a section. Writers then wait until the section ends.
 *
 * Grace periods. A grace period ends when all sections that began before it have ended. A grace period doesn't wait for
 * sections that begin later. Only one grace period of a domain runs at a time. Callers that arrive during a grace period share
 * the next grace period.
 *
 * Fallback. A reader without rseq is counted by an atomic instruction, in a word that all threads share. A reader whose sequence
 * was aborted RK_ABORTS_MAX times in a row is counted in the same way. If no fence (remote.h) was available when the domain was
 * created, all readers are counted in that word.
 *
 * ThreadSanitizer. For a program that is built with ThreadSanitizer, build the library with it, too. Otherwise ThreadSanitizer
 * can't see the order of readers and deferred calls, and reports races that don't exist.
 *
 * fork. A child doesn't wait for the sections of its parent's other threads. A section of the thread that forked continues in
 * the child only if the thread calls rk_rcu_read_keep() for it. The thread may end a section that it began before the fork,
 * whether the section was kept or not. A section that isn't kept may be ended in a child, a grandchild and a great-grandchild
 * of the process that began it. In later generations it must not be ended.
 *
 * A child inherits the deferred calls, and runs each of them once. A call that another thread was running at the fork doesn't
 * run in the child. Kernels before 4.14 can't wipe memory at a fork, and have no rseq either. With such a kernel, a child also
 * waits for its parent's readers. If no fork handlers run (_Fork(), clone), the rules of claims in remote.h apply to writers
 * and deferred calls.
 *
 * Memory order. A reader that loads a pointer sees all that was stored before rk_rcu_publish() stored the pointer. All that a
 * reader loads and stores in a section happens before the end of each grace period that waited for the section. Readers need
 * no barrier for that. Comments in src/structures/rcu.c explain the order step by step, also for machines whose memory order is
 * weaker than that of x86.
 */
#ifndef RSEQKIT_RCU_H
#define RSEQKIT_RCU_H

#include <rseqkit/percpu.h>

struct rk_rcu;         /* a domain; its address is that of an item in per-CPU memory (percpu.h) */
struct rk_rcu_section; /* the handle of a read section; it tells where the reader was counted */

RKI_BEGIN_DECLS

/*
 * Creates a domain.
 *
 * Parameters: `calls_max` is the highest number of deferred calls that may wait at a time, at most RK_RCU_CALLS_MAX; 0 means
 * RK_RCU_CALLS_MAX.
 * Returns 0, with the domain in *rcu; -EINVAL if rcu is NULL or calls_max is too large; -ENOMEM; -EUCLEAN as rk_percpu_alloc().
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: that of
 * rk_freelist_create(), and a fence. Memory: 128 bytes for each CPU that readers run on, and 256 bytes for the domain.
 */
#define RK_RCU_CALLS_MAX 0x7fffffff
RKI_API int rk_rcu_create(struct rk_rcu **rcu, size_t calls_max);

/*
 * Destroys a domain; NULL is allowed. No thread may be using the domain.
 *
 * Returns 0, or:
 *   -EBUSY    the domain has a worker (see rk_rcu_worker_stop()), deferred calls (see rk_rcu_barrier()) or open sections
 *   -EINVAL   rcu isn't a domain, or was destroyed before
 *   -EUCLEAN  as rk_percpu_free()
 * Context: as rk_rcu_create(). Cost: as rk_counter_destroy().
 */
RKI_EXPORT int rk_rcu_destroy(struct rk_rcu *rcu);

/*
 * Begin and end a read section. The function rk_rcu_read_lock() stores the section's handle in *section. Pass that handle to
 * rk_rcu_read_unlock() once, which ends the section. If another thread ends the section, pass the handle to that thread through
 * a lock or a queue. A release and an acquire must order the section's beginning before its end.
 *
 * If a vfork child is killed in a section, that section never ends, and later grace periods never end either. Begin no section
 * in a vfork child that may be killed.
 *
 * Context: any thread; signal handler, also one that interrupts these functions; after fork; in a vfork child only between
 * rk_vfork_begin() and rk_vfork_end(). Cost: both together take 1 to 4 ns with rseq, depending on the processor, and 10 to 30 ns
 * without rseq.
 */
RKI_INLINE void rk_rcu_read_lock(struct rk_rcu *rcu, struct rk_rcu_section **section);
RKI_INLINE void rk_rcu_read_unlock(struct rk_rcu *rcu, struct rk_rcu_section *section);

/*
 * Keeps a section in a child of fork. The calling thread was in the section when it forked. After the call the section
 * continues in the child, and the child's grace periods wait for the section. Call the function once for each section that is
 * to be kept, before the child uses the domain in any other way.
 *
 * Returns the handle that ends the section from now on. In the process that began the section, the returned handle is `section`
 * itself.
 * Context and cost: as rk_rcu_read_lock().
 */
RKI_API struct rk_rcu_section *rk_rcu_read_keep(struct rk_rcu *rcu, struct rk_rcu_section *section);

/*
 * Load and replace the pointer that readers use. The parameter `pointer` is the variable that holds the pointer, as in the
 * kernel's rcu_dereference(pointer).
 *
 *   rk_rcu_dereference(pointer)       returns the pointer, for a reader in a section
 *   rk_rcu_publish(pointer, next)     stores `next`
 *   rk_rcu_exchange(pointer, next)    stores `next` and returns the previous pointer
 *
 * The pointer may be NULL. Writers must exclude each other, for example by a lock. If the variable isn't a pointer, the code
 * doesn't compile. The functions rk_rcu_..._at() do the same for other languages, and take the address of the variable.
 *
 * Context: any. Cost: rk_rcu_dereference() takes a load, rk_rcu_publish() a store, rk_rcu_exchange() an atomic instruction.
 */
#define rk_rcu_dereference(pointer) (RKI_IS_POINTER(pointer), __atomic_load_n(&(pointer), __ATOMIC_ACQUIRE))
#define rk_rcu_publish(pointer, next) (RKI_IS_POINTER(pointer), __atomic_store_n(&(pointer), (next), __ATOMIC_RELEASE))
#define rk_rcu_exchange(pointer, next) (RKI_IS_POINTER(pointer), __atomic_exchange_n(&(pointer), (next), __ATOMIC_ACQ_REL))

RKI_INLINE void *rk_rcu_dereference_at(void *const *address);
RKI_INLINE void rk_rcu_publish_at(void **address, void *next);
RKI_INLINE void *rk_rcu_exchange_at(void **address, void *next);

/*
 * Wait for a grace period: until all sections that began before the call have ended. The function rk_rcu_synchronize_for()
 * waits for at most `nanoseconds`. If it returns before the period is over, the next thread that waits or polls continues that
 * period. Never wait in a read section of the same domain: the thread would wait for itself.
 *
 * Returns 0, or:
 *   -ETIMEDOUT     the time passed before the period was over
 *   -EINVAL        nanoseconds is negative, and the call would have to wait
 *   -EHOSTUNREACH  a fence failed (remote.h): the period isn't over, and readers can still be in their sections
 *   -EDEADLK       a seccomp filter forbids blocking signals, and this call is in a signal handler that interrupted a function
 *                  of this domain in the same thread: this one, rk_rcu_poll(), rk_rcu_run() or rk_rcu_barrier()
 * Context: any thread; signal handler, unless it interrupted a section of this domain or rk_rcu_read_lock(); after fork; not
 * in a vfork child; not under asynchronous cancellation (api.h). Signals are blocked while the function fences and adds up the
 * readers, but not while it sleeps.
 * Cost: a fence (remote.h), and loads from each CPU's slot. On machines other than x86, two memory fences more. As long as
 * there are readers, the function checks again: 100 times without a pause, and then after a sleep each time. The first sleep
 * takes 1 us, later sleeps take up to 1 ms.
 */
RKI_API int rk_rcu_synchronize(struct rk_rcu *rcu);
RKI_API int rk_rcu_synchronize_for(struct rk_rcu *rcu, int64_t nanoseconds);

/*
 * Wait for a grace period in two steps, and do other work in between. First rk_rcu_start() returns the number of a grace
 * period that begins after the call. Then rk_rcu_poll() checks whether that period is over. If the period isn't over,
 * rk_rcu_poll() takes the period's next step, if that is possible. Without calls of rk_rcu_poll(), the period may make no
 * progress. Call rk_rcu_poll() until it returns 1.
 *
 * Pass a number only to the domain that returned it: for a number of another domain, rk_rcu_poll() can return 1 too early.
 * Numbers stay valid for ever, in children too.
 *
 * Returns of rk_rcu_poll():
 *   1              the period is over
 *   0              the period isn't over yet
 *   -EINVAL        rk_rcu_start() of this domain can't have returned that number yet
 *   -EHOSTUNREACH  as rk_rcu_synchronize()
 * Context: as rk_rcu_synchronize(), and also any signal handler. If the handler interrupted a section, rk_rcu_poll() returns
 * 0 for a period that waits for that section. Cost: rk_rcu_start() takes an atomic instruction. If the period is over,
 * rk_rcu_poll() takes a load. Otherwise rk_rcu_poll() does the work of one or two periods, such as fences, but doesn't wait
 * for readers.
 */
RKI_API uint64_t rk_rcu_start(struct rk_rcu *rcu);
RKI_API int rk_rcu_poll(struct rk_rcu *rcu, uint64_t period);

/*
 * A deferred call, often a member of the object to be freed. Don't change or free the struct rk_rcu_call between rk_rcu_defer()
 * and the call of `function`.
 */
struct rk_rcu_call {
	struct rk_rcu_call *next;
	void (*function)(struct rk_rcu_call *call);
};

/*
 * Calls function(call) after a grace period. The call runs in a thread that calls rk_rcu_run() or rk_rcu_barrier(), or in the
 * domain's worker. Start a worker (rk_rcu_worker_start()), or call rk_rcu_run() now and then. In a program without a worker and
 * without rk_rcu_run(), only rk_rcu_barrier() runs deferred calls. The order of deferred calls isn't specified. Calls that are
 * still deferred at process exit don't run.
 *
 * The deferred function may use everything in this header except rk_rcu_run() and rk_rcu_barrier(). It must not throw an
 * exception or end its thread. The thread isn't cancelled while the deferred function runs.
 *
 * Returns 0, or -EAGAIN if the number of waiting calls is at the domain's limit. If the result is -EAGAIN, this call wasn't
 * deferred. Run some calls and try again, or wait for a grace period and free the object directly.
 * Context: any thread; signal handler, also one that interrupts any of these functions; after fork; not in a vfork child; not
 * under asynchronous cancellation (api.h). If another thread was deferring or running a call at a fork, that call can count
 * against the limit in the child.
 * Cost: two atomic instructions on memory that all threads share. If a thread sleeps until a call is deferred, rk_rcu_defer()
 * also makes a system call, which wakes that thread.
 */
RKI_EXPORT int rk_rcu_defer(struct rk_rcu *rcu, struct rk_rcu_call *call, void (*function)(struct rk_rcu_call *call));

/*
 * Runs the deferred calls whose grace period is over. If there is no such call, the function waits for one, for at most
 * `nanoseconds`. In a program without a worker, call the function now and then, with 0 for `nanoseconds`.
 *
 * Returns the number of calls that it ran, or:
 *   -EBUSY         during the whole time, another thread was running deferred calls
 *   -EDEADLK       the caller is a deferred call, or a signal handler that interrupted this function
 *   -EINVAL        nanoseconds is negative, and the call would have to wait
 *   -EHOSTUNREACH  as rk_rcu_synchronize()
 * Context: as rk_rcu_synchronize(). Cost: one grace period, which all waiting calls share.
 */
RKI_EXPORT int rk_rcu_run(struct rk_rcu *rcu, int64_t nanoseconds);

/*
 * Start and stop the domain's worker, a thread that rk_rcu_worker_start() creates. The worker sleeps until a call is deferred,
 * and runs deferred calls when their grace period is over. The function rk_rcu_worker_stop() ends the worker, and waits until
 * its thread has ended. The worker doesn't run the calls that are still deferred when rk_rcu_worker_stop() is called, so call
 * rk_rcu_barrier() first.
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
 * A child of fork has no worker, and may start its own. The worker's thread is named "rk_rcu", and blocks all signals except
 * those that an instruction causes. If a fence fails, the worker tries it again ten times a second.
 *
 * Returns of rk_rcu_worker_start(): 0, or:
 *   -EALREADY        the domain has a worker, or another thread is starting or stopping it
 *   -EAGAIN, -EPERM  as pthread_create(3)
 * Returns of rk_rcu_worker_stop(): 0, or:
 *   -EALREADY        the domain has no worker, or another thread is starting or stopping it
 *   -EDEADLK         the caller is a deferred call that the worker runs
 * Context: any thread; after fork; not in a signal handler; neither in a vfork child nor inside rk_vfork_begin(). Cost: a
 * thread.
 */
RKI_API int rk_rcu_worker_start(struct rk_rcu *rcu);
RKI_EXPORT int rk_rcu_worker_stop(struct rk_rcu *rcu);

/*
 * Waits for all calls that were deferred before this function was called. Returns when these deferred calls have run, in this
 * thread or in other threads.
 *
 * Returns 0; -EDEADLK or -EHOSTUNREACH as rk_rcu_run().
 * Context: as rk_rcu_synchronize(). Cost: up to two grace periods.
 */
RKI_EXPORT int rk_rcu_barrier(struct rk_rcu *rcu);

RKI_END_DECLS

#include <rseqkit/detail/rcu.h>

#endif /* RSEQKIT_RCU_H */
