/* SPDX-License-Identifier: MIT */
/*
 * locks.c - the interposed functions of mutexes, and of conditions, which release a mutex and take it again.
 *
 * Invariant: a release is recorded before the call that releases, and an acquisition after the call that acquires (event.h).
 * After a mutex was unlocked, the recorder doesn't touch it, because its next owner is allowed to destroy it.
 */
#define _GNU_SOURCE
#include "recorder.h"

#include <errno.h>

static void record_unlock(enum event_kind kind, pthread_mutex_t *mutex)
{
	struct event event = {.kind = kind, .address = (uintptr_t)mutex};

	record(&event);
}

static int record_lock(enum event_kind kind, uint64_t start, pthread_mutex_t *mutex, int result)
{
	struct event event = {.kind = kind, .start = start, .address = (uintptr_t)mutex, .size = (unsigned)result};

	record(&event);
	return result;
}

#define TAKE(kind, call)                                                                                               \
	do {                                                                                                           \
		uint64_t start_;                                                                                       \
                                                                                                                       \
		if (RKI_UNLIKELY(way() != WAY_RECORD))                                                                 \
			return call;                                                                                   \
		start_ = rk_ring_clock();                                                                              \
		return record_lock(kind, start_, mutex, call);                                                         \
	} while (0)

EXPORTED int pthread_mutex_lock(pthread_mutex_t *mutex)
{
	TAKE(EVENT_LOCK, next.mutex_lock(mutex));
}

EXPORTED int pthread_mutex_trylock(pthread_mutex_t *mutex)
{
	TAKE(EVENT_TRYLOCK, next.mutex_trylock(mutex));
}

EXPORTED int pthread_mutex_timedlock(pthread_mutex_t *restrict mutex, const struct timespec *restrict time)
{
	TAKE(EVENT_TIMEDLOCK, next.mutex_timedlock(mutex, time));
}

EXPORTED int pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *time)
{
	TAKE(EVENT_CLOCKLOCK, next.mutex_clocklock(mutex, clock, time));
}

EXPORTED int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	int r;

	if (RKI_UNLIKELY(way() != WAY_RECORD))
		return next.mutex_unlock(mutex);
	record_unlock(EVENT_UNLOCK, mutex);
	r = next.mutex_unlock(mutex);
	if (r != 0)
		record_unlock(EVENT_UNLOCK_FAILED, mutex);
	return r;
}

struct wait {
	pthread_mutex_t *mutex;
	uint64_t start;
	int result;
};

/*
 * Records that the mutex is held again. The mutex is also held if the thread is cancelled in the wait: its cleanup handlers run
 * with the mutex held. If the call was refused, it never released the mutex.
 */
static void end_wait(struct wait *wait)
{
	if (wait->result == EINVAL || wait->result == EPERM)
		record_unlock(EVENT_UNLOCK_FAILED, wait->mutex);
	(void)record_lock(EVENT_COND_WAIT, wait->start, wait->mutex, wait->result);
}

#define WAIT(call)                                                                                                     \
	do {                                                                                                           \
		struct wait wait __attribute__((__cleanup__(end_wait))) = {.mutex = mutex};                            \
                                                                                                                       \
		record_unlock(EVENT_UNLOCK, mutex);                                                                    \
		wait.start = rk_ring_clock();                                                                          \
		wait.result = call;                                                                                    \
		return wait.result;                                                                                    \
	} while (0)

EXPORTED int pthread_cond_wait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex)
{
	if (way() != WAY_RECORD)
		return next.cond_wait(condition, mutex);
	WAIT(next.cond_wait(condition, mutex));
}

EXPORTED int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
				    const struct timespec *restrict time)
{
	if (way() != WAY_RECORD)
		return next.cond_timedwait(condition, mutex, time);
	WAIT(next.cond_timedwait(condition, mutex, time));
}

EXPORTED int pthread_cond_clockwait(pthread_cond_t *condition, pthread_mutex_t *mutex, clockid_t clock,
				    const struct timespec *time)
{
	if (way() != WAY_RECORD)
		return next.cond_clockwait(condition, mutex, clock, time);
	WAIT(next.cond_clockwait(condition, mutex, clock, time));
}
