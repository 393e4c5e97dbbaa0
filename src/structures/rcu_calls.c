/* SPDX-License-Identifier: MIT */
/*
 * rcu_calls.c - deferred calls: functions that are called after a grace period (rk_rcu_defer()). Any thread can defer a call,
 * by pushing the call to the queue. One thread at a time, the runner, takes calls from the queue and runs them. It holds the
 * claim `runner` (sync/claim.h).
 *
 *   queue -------> waiting --------> ready -----> called
 *   (any thread)   (for a period)    (the period is over)
 *
 * The invariant, also in a child that is forked at any moment: each call is in one list, or in two lists that share it, or is
 * being called. The runner stores calls in `waiting` before it removes these calls from the queue. The runner stores calls in
 * `ready` before it removes these calls from `waiting`. If a child lacks the runner, the lists show how far the runner was.
 */
#define _GNU_SOURCE
#include "rcu.h"

#include <errno.h>
#include <limits.h>
#include "os/kernel.h"
#include "sync/claim.h"

void rk_rcu_wake(struct rk_rcu *rcu)
{
	uint32_t *pushes = &rk_rcu_state(rcu)->pushes;

	__atomic_fetch_add(pushes, 1, __ATOMIC_SEQ_CST);
	rk_futex_wake(pushes, INT_MAX);
}

int rk_rcu_defer(struct rk_rcu *rcu, struct rk_rcu_call *call, void (*function)(struct rk_rcu_call *call))
{
	struct rk_rcu_state *state = rk_rcu_state(rcu);
	uint32_t deferred = __atomic_load_n(&state->deferred, __ATOMIC_RELAXED);
	struct rk_rcu_call *first = __atomic_load_n(&state->queue, __ATOMIC_RELAXED);

	do
		if (deferred >= state->limit)
			return -EAGAIN;
	while (!__atomic_compare_exchange_n(&state->deferred, &deferred, deferred + 1, 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	call->function = function;
	do
		call->next = first;
	while (!__atomic_compare_exchange_n(&state->queue, &first, call, 1, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	if (__atomic_load_n(&state->waiters, __ATOMIC_SEQ_CST) > 0)
		rk_rcu_wake(rcu);
	return 0;
}

static bool is_in_list(const struct rk_rcu_call *list, const struct rk_rcu_call *call)
{
	while (list != NULL && list != call)
		list = list->next;
	return list != NULL;
}

/*
 * Repairs the lists if fork didn't copy the runner to this process. If the calls in `waiting` are also in another list,
 * empties `waiting`. Otherwise these calls wait for a new period, of this process.
 */
static void mend_lists(struct rk_rcu *rcu)
{
	struct rk_rcu_state *state = rk_rcu_state(rcu);

	if (state->waiting != NULL &&
	    (is_in_list(__atomic_load_n(&state->queue, __ATOMIC_ACQUIRE), state->waiting) || is_in_list(state->ready, state->waiting)))
		state->waiting = NULL;
	state->period = rk_rcu_start(rcu);
}

static void collect(struct rk_rcu *rcu)
{
	struct rk_rcu_state *state = rk_rcu_state(rcu);
	struct rk_rcu_call *first;

	__atomic_store_n(&state->collected, state->collected + 1, __ATOMIC_SEQ_CST);
	first = __atomic_load_n(&state->queue, __ATOMIC_ACQUIRE);
	do
		__atomic_store_n(&state->waiting, first, __ATOMIC_SEQ_CST);
	while (!__atomic_compare_exchange_n(&state->queue, &first, NULL, 0, __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE));
	state->period = rk_rcu_start(rcu);
}

/*
 * Runs the calls in `ready`. Cancellation is disabled, because the thread holds the claim `runner`. If the thread is
 * cancelled during a call, the thread ends after all calls.
 */
static int run_ready(struct rk_rcu_state *state)
{
	struct rk_rcu_call *call;
	int ran = 0, cancellation;

	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancellation);
	while ((call = state->ready) != NULL) {
		__atomic_store_n(&state->ready, call->next, __ATOMIC_RELEASE);
		__atomic_fetch_sub(&state->deferred, 1, __ATOMIC_RELAXED);
		call->function(call);
		ran += ran < INT_MAX;
	}
	(void)pthread_setcancelstate(cancellation, NULL);
	return ran;
}

/*
 * If no call waits for a period, moves the deferred calls to `waiting`. If the period of the waiting calls is over, runs
 * these calls. Returns how many calls it ran, or -EBUSY, -EDEADLK or -EHOSTUNREACH. Sets *idle if all lists are empty, so
 * that there is nothing to run until a thread defers a call.
 */
static int step(struct rk_rcu *rcu, bool *idle)
{
	struct rk_rcu_state *state = rk_rcu_state(rcu);
	int r = rk_claim_take_try(&state->runner), ran;

	*idle = false;
	if (r < 0)
		return rk_claim_is_mine(&state->runner) ? -EDEADLK : -EBUSY;
	if (r == 1)
		mend_lists(rcu);
	ran = run_ready(state); /* calls that a runner which fork didn't copy left in `ready` */
	if (state->waiting == NULL)
		collect(rcu);
	r = state->waiting != NULL ? rk_rcu_poll(rcu, state->period) : 0;
	if (r == 1) {
		__atomic_store_n(&state->ready, state->waiting, __ATOMIC_RELEASE);
		__atomic_store_n(&state->waiting, NULL, __ATOMIC_RELEASE);
		ran += run_ready(state);
	} else if (r == 0 && state->waiting != NULL && rk_claim_is_mine(&state->claim)) {
		r = -EDEADLK; /* signals couldn't be blocked, and this handler interrupted the holder of state->claim */
	}
	*idle = state->waiting == NULL && __atomic_load_n(&state->queue, __ATOMIC_RELAXED) == NULL;
	(void)rk_claim_release(&state->runner);
	return r < 0 && ran == 0 ? r : ran;
}

bool rk_rcu_has_calls(struct rk_rcu *rcu)
{
	struct rk_rcu_state *state = rk_rcu_state(rcu);
	int r = rk_claim_take_try(&state->runner);
	bool has;

	if (r < 0)
		return true;
	if (r == 1)
		mend_lists(rcu);
	has = __atomic_load_n(&state->queue, __ATOMIC_ACQUIRE) != NULL || state->waiting != NULL || state->ready != NULL;
	(void)rk_claim_release(&state->runner);
	return has;
}

static bool is_set(const uint32_t *stop)
{
	return __atomic_load_n(stop, __ATOMIC_SEQ_CST) != 0;
}

/*
 * Sleeps until a call is deferred or *stop is set, or for at most `nanoseconds`. A call leaves the queue only after it is in
 * `waiting`. If both lists are empty, no call waits, and a later rk_rcu_defer() sees this waiter.
 */
static void wait_for_calls(struct rk_rcu_state *state, int64_t nanoseconds, const uint32_t *stop)
{
	uint32_t pushes = __atomic_load_n(&state->pushes, __ATOMIC_SEQ_CST);

	__atomic_fetch_add(&state->waiters, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&state->queue, __ATOMIC_SEQ_CST) == NULL &&
	    __atomic_load_n(&state->waiting, __ATOMIC_SEQ_CST) == NULL && !is_set(stop))
		(void)rk_futex_wait(&state->pushes, pushes, nanoseconds);
	__atomic_fetch_sub(&state->waiters, 1, __ATOMIC_SEQ_CST);
}

int rk_rcu_run_until(struct rk_rcu *rcu, int64_t nanoseconds, const uint32_t *stop)
{
	int64_t end = 0, left = nanoseconds;
	int busy = -EBUSY;

	for (unsigned looks = 0;; looks += looks < 110) {
		bool idle;
		int r = step(rcu, &idle);

		busy = r == -EBUSY ? busy : 0;
		if (r > 0 || (r < 0 && r != -EBUSY) || nanoseconds == 0)
			return r;
		if (nanoseconds < 0)
			return -EINVAL;
		if (is_set(stop))
			return 0;
		if (end == 0)
			end = rk_kernel_end_of(nanoseconds);
		left = end - rk_kernel_now();
		if (left <= 0)
			return busy;
		if (idle) {
			wait_for_calls(rk_rcu_state(rcu), left, stop);
			looks = 0;
		} else {
			rk_rcu_rest(looks);
		}
	}
}

int rk_rcu_run(struct rk_rcu *rcu, int64_t nanoseconds)
{
	static const uint32_t never;

	return rk_rcu_run_until(rcu, nanoseconds, &never);
}

/*
 * Calls that were deferred before rk_rcu_barrier() are in `waiting` or `ready` now, or collect() will find them in the queue
 * when it runs next. collect() runs only after all calls that it moved before have been called. When it begins for the second
 * time from now, all calls that were deferred before rk_rcu_barrier() have been called.
 */
int rk_rcu_barrier(struct rk_rcu *rcu)
{
	struct rk_rcu_state *state = rk_rcu_state(rcu);
	uint32_t collected = __atomic_load_n(&state->collected, __ATOMIC_SEQ_CST);

	for (unsigned looks = 0; __atomic_load_n(&state->collected, __ATOMIC_ACQUIRE) - collected < 2; looks += looks < 110) {
		bool idle;
		int r = step(rcu, &idle);

		if (r < 0 && r != -EBUSY)
			return r;
		rk_rcu_rest(looks);
	}
	return 0;
}
