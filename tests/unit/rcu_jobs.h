/* SPDX-License-Identifier: MIT */
/* rcu_jobs.h - an rcu domain that allows at most CALLS deferred calls, and calls that count how often they were made. */
#ifndef RCU_JOBS_H
#define RCU_JOBS_H

#include "test.h"

#define CALLS 1000

static struct rk_rcu *rcu;

static struct job {
	int called;
	struct rk_rcu_call call;
} jobs[CALLS];

static int called;

static struct job *job_of(struct rk_rcu_call *call)
{
	return (struct job *)((char *)call - offsetof(struct job, call));
}

static void work(struct rk_rcu_call *call)
{
	job_of(call)->called++;
	__atomic_fetch_add(&called, 1, __ATOMIC_RELEASE);
}

static int start(void **state)
{
	(void)state;
	memset(jobs, 0, sizeof(jobs));
	called = 0;
	return rk_rcu_create(&rcu, CALLS);
}

static int end(void **state)
{
	(void)state;
	return rk_rcu_destroy(rcu);
}

static void defer(int first, int count)
{
	for (int i = first; i < first + count; i++)
		assert_int_equal(rk_rcu_defer(rcu, &jobs[i].call, work), 0);
}

static void each_called_once(int count)
{
	assert_int_equal(called, count);
	for (int i = 0; i < CALLS; i++)
		assert_int_equal(jobs[i].called, i < count);
}

#endif /* RCU_JOBS_H */
