/* SPDX-License-Identifier: MIT */
/*
 * mutex.h - a mutex that spins for a moment before it sleeps, and whose holder requests time slices (slice.h); and condition
 * variables for it.
 *
 * Above all: a thread unlocks its mutexes before it ends, for nothing unlocks them later. A thread that locks a mutex twice
 * waits for ever, unless the mutex has RK_MUTEX_CHECKED.
 *
 *	static struct rk_mutex mutex = RK_MUTEX_INIT;
 *
 *	rk_mutex_lock(&mutex);
 *	...
 *	rk_mutex_unlock(&mutex);
 *
 * Mutexes work everywhere. Without rseq, or without the slice extension, this is an ordinary mutex. It is private to the
 * process, isn't recursive, and has no priority inheritance. All of its memory is the caller's. A mutex of zeros is
 * initialised, and needs no destroying. The thread that unlocks a mutex may free it at once if no other thread uses it any
 * more.
 *
 * While a thread holds any of these mutexes, it is in a region of slice.h. Mutexes may be unlocked in any order. The thread's
 * request is lost when the thread sleeps, for another mutex or an event. The next mutex that the thread takes makes a new
 * request.
 *
 * In a child of fork, mutexes are as they were at the fork. The child's thread holds those that it held in its parent. Mutexes
 * that other threads held are never unlocked in the child.
 */
#ifndef RSEQKIT_MUTEX_H
#define RSEQKIT_MUTEX_H

#include <rseqkit/slice.h>

/* The caller's memory. All members are this library's (detail/mutex.h). */
struct rk_mutex;
struct rk_condition;

/* A thread that locks the mutex twice, or unlocks a mutex that it doesn't hold, gets an error. */
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
 * Initialises a mutex at run time. No thread may be using it.
 *
 * Parameters: flags is 0 or RK_MUTEX_CHECKED.
 * Returns 0, or -EINVAL when mutex is NULL or a flag isn't known.
 * Context: any. Cost: nanoseconds.
 */
RKI_API int rk_mutex_init(struct rk_mutex *mutex, unsigned flags);

/*
 * Take a mutex. The function waits for as long as needed, for at most `nanoseconds`, or (_try) not at all. Before it sleeps it
 * spins for up to 100 pauses of the processor. The number of pauses follows how long earlier waits spun. A thread that waits
 * requests no time, except for another mutex that it holds.
 *
 * Returns 0, or:
 *   -EBUSY      (_try, or no time) a thread has the mutex, perhaps the caller
 *   -ETIMEDOUT  the time is over
 *   -EINVAL     nanoseconds is negative, and the call would have to wait
 *   -EDEADLK    (RK_MUTEX_CHECKED) the calling thread has the mutex. Without that flag it waits for itself
 * Context: any thread; signal handler, with _try only; after fork; not in a vfork child, whose parent would hold the mutex. No
 * cancellation point. Cost: with rk_mutex_unlock() one atomic instruction and one exchange, and what rk_slice_begin() takes.
 */
RKI_API int rk_mutex_lock(struct rk_mutex *mutex);
RKI_API int rk_mutex_lock_try(struct rk_mutex *mutex);
RKI_API int rk_mutex_lock_for(struct rk_mutex *mutex, int64_t nanoseconds);

/*
 * Unlocks the mutex, and wakes one of the threads that sleep for it. Before the wake-up it gives up the CPU if time was
 * granted.
 *
 * Returns 0; with RK_MUTEX_CHECKED -EPERM when the calling thread doesn't have the mutex.
 * Context: the thread that took it. Cost: see above; a system call when a thread sleeps.
 */
RKI_API int rk_mutex_unlock(struct rk_mutex *mutex);

/*
 * Wait for an event: unlock the mutex, sleep, and lock the mutex again. The sleep ends when a thread calls
 * rk_condition_signal() or rk_condition_broadcast(), or when the time is over. It may also end without a reason, so check in a
 * loop whether the event has happened. The request for time ends when the mutex is unlocked, unless the thread holds another
 * one. It is made again when the mutex is locked.
 *
 * Returns with the mutex locked: 0, or -ETIMEDOUT.
 * Returns with the mutex as it was: -EINVAL when nanoseconds is negative; -EPERM as rk_mutex_unlock().
 * Context: the thread that has the mutex; not a signal handler. No cancellation point. Cost: two to three system calls.
 */
RKI_API int rk_condition_wait(struct rk_condition *condition, struct rk_mutex *mutex);
RKI_API int rk_condition_wait_for(struct rk_condition *condition, struct rk_mutex *mutex, int64_t nanoseconds);

/*
 * Wake one of the threads that wait, or all of them. Do this after the mutex is unlocked, since a system call in the region
 * ends a grant. But hold the mutex if a thread that waits may free the condition. The condition may be freed when no thread is
 * in a function that uses it.
 *
 * Context: any thread; signal handler; after fork. Cost: nanoseconds when no thread waits, otherwise a system call.
 */
RKI_API void rk_condition_signal(struct rk_condition *condition);
RKI_API void rk_condition_broadcast(struct rk_condition *condition);

RKI_END_DECLS

#include <rseqkit/detail/mutex.h>

#endif /* RSEQKIT_MUTEX_H */
