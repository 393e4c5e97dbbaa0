/* SPDX-License-Identifier: MIT */
/*
 * mutex.h - a mutex that spins for a moment, then sleeps, and whose holder requests time slices (slice.h); and condition
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
 * It works everywhere; where there is no slice extension, or no rseq, it is an ordinary mutex. Private to the process,
 * not recursive, and nobody inherits priorities. All of it is the caller's memory: zeroed is initialised, nothing has to
 * be destroyed, and who unlocks it may free it at once if nobody else wants it any more.
 *
 * Its holder is in a region of slice.h as long as it holds any of these mutexes; they may be unlocked in any order. The
 * request is lost where it sleeps, for another mutex or an event, and made again with the next mutex that it takes.
 *
 * In a child of fork a mutex is as it was at that moment: what the forking thread held it holds in the child, and what
 * others held nobody unlocks there.
 */
#ifndef RSEQKIT_MUTEX_H
#define RSEQKIT_MUTEX_H

#include <rseqkit/slice.h>

/* The caller's memory. All members are this library's (detail/mutex.h). */
struct rk_mutex;
struct rk_condition;

/* Errors are told: locking it twice, unlocking what another thread holds. */
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
 * Initialises a mutex at run time. Nobody may be using it.
 *
 * Parameters: flags is 0 or RK_MUTEX_CHECKED. Returns 0, or -EINVAL when mutex is NULL or a flag isn't known.
 * Context: any. Cost: nanoseconds.
 */
RKI_API int rk_mutex_init(struct rk_mutex *mutex, unsigned flags);

/*
 * Takes a mutex: waits for as long as it takes, for at most `nanoseconds`, or not at all. Who waits spins for up to 100
 * pauses of the processor's, about as long as others did lately, before it sleeps. It requests no time while it waits,
 * but for another mutex that it holds.
 *
 * Returns 0; -EBUSY (_try, or no time), -ETIMEDOUT: others have it; -EINVAL when nanoseconds is negative, where it would
 * have to wait; with RK_MUTEX_CHECKED -EDEADLK when the calling thread has it (_try: -EBUSY). Without that it waits for
 * itself.
 * Context: any thread; signal handler, with _try only; after fork; not in a vfork child, whose parent would hold it. No
 * cancellation point. Cost: with rk_mutex_unlock() one atomic instruction and one exchange; and as rk_slice_begin().
 */
RKI_API int rk_mutex_lock(struct rk_mutex *mutex);
RKI_API int rk_mutex_lock_try(struct rk_mutex *mutex);
RKI_API int rk_mutex_lock_for(struct rk_mutex *mutex, int64_t nanoseconds);

/*
 * Gives it back, and then the CPU if more time was granted for it; wakes one of those who sleep.
 *
 * Returns 0; with RK_MUTEX_CHECKED -EPERM when the calling thread doesn't have it.
 * Context: the thread that took it. Cost: see above; a system call where somebody sleeps.
 */
RKI_API int rk_mutex_unlock(struct rk_mutex *mutex);

/*
 * Waits for an event: unlocks the mutex, sleeps until somebody signals or the time is over, and locks it again. It may
 * return without either, so what is waited for is looked at in a loop. The request for time ends with the unlocking,
 * if it holds no other mutex, and is made again behind.
 *
 * Returns 0, or -ETIMEDOUT, with the mutex locked; and with it as it was, -EINVAL when nanoseconds is negative, -EPERM as
 * rk_mutex_unlock().
 * Context: the thread that has the mutex; not a signal handler. No cancellation point. Cost: two to three system calls.
 */
RKI_API int rk_condition_wait(struct rk_condition *condition, struct rk_mutex *mutex);
RKI_API int rk_condition_wait_for(struct rk_condition *condition, struct rk_mutex *mutex, int64_t nanoseconds);

/*
 * Wakes one of those who wait, or all. Best done behind the mutex's unlocking, for a system call inside ends a grant; but
 * with it held if those who wait may free the condition. That is to be done when nobody is in any function with it.
 *
 * Context: any thread; signal handler; after fork. Cost: nanoseconds where nobody waits, else a system call.
 */
RKI_API void rk_condition_signal(struct rk_condition *condition);
RKI_API void rk_condition_broadcast(struct rk_condition *condition);

RKI_END_DECLS

#include <rseqkit/detail/mutex.h>

#endif /* RSEQKIT_MUTEX_H */
