/* SPDX-License-Identifier: MIT */
/*
 * condition.c - condition variables (rseqkit/mutex.h). Each condition variable has a count of events, which is the futex that
 * waiters sleep on.
 *
 * While a waiter holds the mutex, it adds 1 to the number of waiters, and then loads the count of events. A signaller adds an
 * event, and then loads the number of waiters. All four accesses are sequentially consistent, so either the signaller sees the
 * waiter, or the waiter loads the count after the event. In the second case the signaller changed the program's data under the
 * mutex before the waiter took the mutex, so the waiter has seen this change.
 */
#define _GNU_SOURCE
#include <rseqkit/mutex.h>

#include "os/kernel.h"

int rk_condition_wait_for(struct rk_condition *condition, struct rk_mutex *mutex, int64_t nanoseconds)
{
	uint32_t events;
	long slept;
	int r;

	if (nanoseconds < 0)
		return -EINVAL;
	__atomic_fetch_add(&condition->sleepers, 1, __ATOMIC_SEQ_CST);
	events = __atomic_load_n(&condition->events, __ATOMIC_SEQ_CST);
	r = rk_mutex_unlock(mutex);
	if (r == 0) {
		slept = rk_futex_wait(&condition->events, events, nanoseconds);
		(void)rk_mutex_lock(mutex);
		r = slept == -ETIMEDOUT ? -ETIMEDOUT : 0;
	}
	__atomic_fetch_sub(&condition->sleepers, 1, __ATOMIC_RELAXED);
	return r;
}

int rk_condition_wait(struct rk_condition *condition, struct rk_mutex *mutex)
{
	int r;

	/* rk_futex_wait() sleeps for some decades at most, so this wait can time out. */
	r = rk_condition_wait_for(condition, mutex, INT64_MAX);
	return r == -ETIMEDOUT ? 0 : r;
}

static void wake_waiters(struct rk_condition *condition, int threads)
{
	__atomic_fetch_add(&condition->events, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&condition->sleepers, __ATOMIC_SEQ_CST) > 0)
		rk_futex_wake(&condition->events, threads);
}

void rk_condition_signal(struct rk_condition *condition)
{
	wake_waiters(condition, 1);
}

void rk_condition_broadcast(struct rk_condition *condition)
{
	wake_waiters(condition, INT32_MAX);
}
