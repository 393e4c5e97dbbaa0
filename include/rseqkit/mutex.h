/* SPDX-License-Identifier: MIT */
/*
 * mutex.h - mutexes, and condition variables for them. A thread that waits for a mutex spins for a moment before it sleeps.
 * The holder of a mutex requests a longer time slice (slice.h).
 *
 * Above all: unlock each mutex in the thread that locked it, before that thread ends. Nothing unlocks the mutex later. If a
 * thread locks a mutex that it holds already, and the mutex has no RK_MUTEX_CHECKED, the thread waits for ever.
 *
 *	static struct rk_mutex mutex = RK_MUTEX_INIT;
 *
 *	rk_mutex_lock(&mutex);
 *	...
 *	rk_mutex_unlock(&mutex);
 *
 * Mutexes work everywhere. Without rseq, or without the slice extension, they are ordinary mutexes. A mutex is private to the
 * process, isn't recursive, and has no priority inheritance. The caller provides all memory of a mutex. A mutex of zeros is
 * initialised. No mutex needs to be destroyed. The thread that unlocks a mutex may free the mutex at once if no other thread
 * uses it any more.
 *
 * While a thread holds at least one of these mutexes, it is in a region of slice.h. Mutexes may be unlocked in any order. If
 * the thread sleeps, for another mutex or an event, the kernel clears its request for time. When the thread takes its next
 * mutex, it makes a new request.
 *
 * In a child of fork, mutexes are as they were at the fork. The child's thread holds the mutexes that it held in its parent.
 * Mutexes that the parent's other threads held are never unlocked in the child.
 */
#ifndef RSEQKIT_MUTEX_H
#define RSEQKIT_MUTEX_H

#include <rseqkit/slice.h>

/*
 * The caller provides the memory of these structures. All members are private to the library (detail/mutex.h).
 *
 * A mutex has no annotations for clang's -Wthread-safety: with them, each function that takes a mutex for its caller would need
 * annotations, too. A program that wants the analysis annotates a class of its own that has a mutex as a member.
 */
struct rk_mutex;
struct rk_condition;

/* With this flag, a thread gets an error if it locks the mutex twice, or unlocks the mutex without holding it. */
#define RK_MUTEX_CHECKED 1

#define RK_MUTEX_INIT                                                                                                  \
	{                                                                                                              \
		0, 0, 0, 0, 0, 0                                                                                       \
	}
#define RK_MUTEX_INIT_CHECKED                                                                                          \
	{                                                                                                              \
		0, RK_MUTEX_CHECKED, 0, 0, 0, 0                                                                        \
	}
#define RK_CONDITION_INIT                                                                                              \
	{                                                                                                              \
		0, 0                                                                                                   \
	}

RKI_BEGIN_DECLS

/*
 * Initialises a mutex at run time. No thread may be using the mutex.
 *
 * Parameters: flags is 0 or RK_MUTEX_CHECKED.
 * Returns 0, or -EINVAL if mutex is NULL or a flag isn't known.
 * Context: any. Cost: nanoseconds.
 */
RKI_API int rk_mutex_init(struct rk_mutex *mutex, unsigned flags);

/*
 * Take a mutex. If the mutex is held, rk_mutex_lock() waits as long as needed, rk_mutex_lock_for() waits for at most
 * `nanoseconds`, and rk_mutex_lock_try() doesn't wait. Before a thread sleeps, it spins for up to 100 pauses of the processor.
 * The library adapts the number of pauses to the spins of earlier waits. While a thread waits, it requests no time, except for
 * another mutex that it holds.
 *
 * Returns 0, or:
 *   -EBUSY      (_try, or nanoseconds is 0) a thread holds the mutex; this can be the caller
 *   -ETIMEDOUT  the time is over, and the mutex is still held
 *   -EINVAL     nanoseconds is negative, and the call would have to wait
 *   -EDEADLK    (RK_MUTEX_CHECKED) the calling thread holds the mutex. Without that flag the thread waits for itself
 * Context: any thread; signal handler, with _try only; after fork; not in a vfork child, because its parent would hold the
 * mutex. Not a cancellation point. Cost: lock and unlock together take one atomic instruction and one exchange, and the time of
 * rk_slice_begin().
 */
RKI_API int rk_mutex_lock(struct rk_mutex *mutex);
RKI_API int rk_mutex_lock_try(struct rk_mutex *mutex);
RKI_API int rk_mutex_lock_for(struct rk_mutex *mutex, int64_t nanoseconds);

/*
 * Unlocks the mutex, and wakes one of the threads that sleep until the mutex is free. If time was granted, the function gives
 * up the CPU before it wakes that thread.
 *
 * Returns 0, or -EPERM if the mutex has RK_MUTEX_CHECKED and the calling thread doesn't hold it.
 * Context: the thread that took the mutex. Cost: see rk_mutex_lock(); if a thread sleeps, also a system call.
 */
RKI_API int rk_mutex_unlock(struct rk_mutex *mutex);

/*
 * Wait for an event: unlock the mutex, sleep, and lock the mutex again. The sleep ends when a thread calls
 * rk_condition_signal() or rk_condition_broadcast(), or when the time is over. The sleep can end without a reason, so check in
 * a loop whether the event has happened. When the mutex is unlocked, and the thread holds no other mutex, the thread's request
 * for time ends. When the mutex is locked again, the thread makes a new request.
 *
 * Returns with the mutex locked: 0, or -ETIMEDOUT.
 * Returns with the mutex unchanged: -EINVAL if nanoseconds is negative; -EPERM as rk_mutex_unlock().
 * Context: the thread that holds the mutex; not a signal handler. Not a cancellation point. Cost: two to three system calls.
 */
RKI_API int rk_condition_wait(struct rk_condition *condition, struct rk_mutex *mutex);
RKI_API int rk_condition_wait_for(struct rk_condition *condition, struct rk_mutex *mutex, int64_t nanoseconds);

/*
 * Wake one of the waiting threads, or all of them. Call the function after the mutex is unlocked. Otherwise the system call
 * that wakes a thread ends the time that was granted. But if a waiting thread can free the condition, call the function while
 * holding the mutex. The condition may be freed when no thread is in a function that uses it.
 *
 * Context: any thread; signal handler; after fork. Cost: nanoseconds if no thread waits, otherwise a system call.
 */
RKI_API void rk_condition_signal(struct rk_condition *condition);
RKI_API void rk_condition_broadcast(struct rk_condition *condition);

RKI_END_DECLS

#include <rseqkit/detail/mutex.h>

#endif /* RSEQKIT_MUTEX_H */
