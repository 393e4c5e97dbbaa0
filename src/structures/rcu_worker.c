/* SPDX-License-Identifier: MIT */
/*
 * rcu_worker.c - starts and stops a domain's worker, a thread that runs deferred calls (rk_rcu_worker_start()).
 *
 * The invariant: a thread that changes `state` to CHANGES is the only one to write the other fields, until that thread stores
 * another state. The worker only reads `stop`. A state that belongs to another process counts as NONE in this process.
 */
#define _GNU_SOURCE
#include "rcu.h"

#include <errno.h>
#include <signal.h>
#include "os/kernel.h"
#include "thread/number.h"

#define REST 100000000 /* ns between attempts if a fence fails */

_Static_assert(sizeof(struct rk_rcu_worker) <= sizeof(((struct rk_readers_slot *)0)->of_overflow.spare), "it is there");

static struct rk_rcu_worker *worker_of(const struct rk_rcu *rcu)
{
	return (struct rk_rcu_worker *)(void *)rk_readers_slot(rcu, RK_INDEX_OVERFLOW)->of_overflow.spare;
}

static uint64_t state_of(int state)
{
	return rk_number_process() << 2 | (uint64_t)state;
}

static int state_in(uint64_t word)
{
	return (word ^ state_of(0)) >> 2 == 0 ? (int)(word & 3) : RK_RCU_WORKER_NONE;
}

int rk_rcu_worker_state(const struct rk_rcu *rcu)
{
	return state_in(__atomic_load_n(&worker_of(rcu)->state, __ATOMIC_ACQUIRE));
}

static void *work(void *argument)
{
	struct rk_rcu *rcu = (struct rk_rcu *)argument;
	uint32_t *stop = &worker_of(rcu)->stop;

	while (__atomic_load_n(stop, __ATOMIC_ACQUIRE) == 0)
		if (rk_rcu_run_until(rcu, INT64_MAX, stop) < 0)
			(void)rk_futex_wait(stop, 0, REST);
	return NULL;
}

/* Creates the worker's thread, which blocks all signals except those that an instruction causes. */
static int create_thread(struct rk_rcu *rcu, pthread_t *thread)
{
	static const int synchronous[] = {SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGSYS};
	sigset_t others, before;
	int r, saved = errno;

	(void)sigfillset(&others);
	for (size_t i = 0; i < sizeof(synchronous) / sizeof(*synchronous); i++)
		(void)sigdelset(&others, synchronous[i]);
	(void)pthread_sigmask(SIG_BLOCK, &others, &before);
	r = pthread_create(thread, NULL, work, rcu);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r == 0)
		(void)pthread_setname_np(*thread, "rk_rcu");
	errno = saved;
	return -r;
}

/* Changes the worker's state from `from` to CHANGES. Returns false if the state isn't `from`. */
static bool begin_change(struct rk_rcu_worker *worker, int from)
{
	uint64_t word = __atomic_load_n(&worker->state, __ATOMIC_RELAXED);

	return state_in(word) == from &&
	       __atomic_compare_exchange_n(&worker->state, &word, state_of(RK_RCU_WORKER_CHANGES), 0, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

int rk_rcu_worker_start(struct rk_rcu *rcu)
{
	struct rk_rcu_worker *worker = worker_of(rcu);
	int r;

	if (!begin_change(worker, RK_RCU_WORKER_NONE))
		return -EALREADY;
	worker->stop = 0;
	r = create_thread(rcu, &worker->thread);
	__atomic_store_n(&worker->state, state_of(r == 0 ? RK_RCU_WORKER_RUNS : RK_RCU_WORKER_NONE), __ATOMIC_RELEASE);
	return r;
}

int rk_rcu_worker_stop(struct rk_rcu *rcu)
{
	struct rk_rcu_worker *worker = worker_of(rcu);
	int cancellation;

	if (rk_rcu_worker_state(rcu) == RK_RCU_WORKER_RUNS && pthread_equal(worker->thread, pthread_self()))
		return -EDEADLK;
	if (!begin_change(worker, RK_RCU_WORKER_RUNS))
		return -EALREADY;
	__atomic_store_n(&worker->stop, 1, __ATOMIC_SEQ_CST);
	rk_futex_wake(&worker->stop, 1);
	rk_rcu_wake(rcu);
	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancellation);
	(void)pthread_join(worker->thread, NULL);
	(void)pthread_setcancelstate(cancellation, NULL);
	__atomic_store_n(&worker->state, state_of(RK_RCU_WORKER_NONE), __ATOMIC_RELEASE);
	return 0;
}
