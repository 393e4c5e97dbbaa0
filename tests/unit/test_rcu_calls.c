/* SPDX-License-Identifier: MIT */
/*
 * Tests deferred calls: each call is made once, after its grace period has ended, by a thread that calls rk_rcu_run().
 * Also tests the limit, and calls that are refused.
 */
#include "rcu_jobs.h"
#include <time.h>

#define CALLS 1000
#define A_MINUTE 60000000000 /* in ns; long, because even a call that is ready can wait for a CPU */

static void called_when_readers_are_through(void **state)
{
	struct rk_rcu_section *section;

	rk_rcu_read_lock(rcu, &section);
	(void)state;
	defer(0, 10);
	for (int i = 0; i < 10; i++)
		assert_int_equal(rk_rcu_run(rcu, i < 5 ? 0 : 100000), 0);
	defer(10, 10); /* these calls wait for the next period */
	assert_int_equal(rk_rcu_destroy(rcu), -EBUSY);
	rk_rcu_read_unlock(rcu, section);
	rk_rcu_read_lock(rcu, &section);
	assert_int_equal(rk_rcu_run(rcu, 0), 10);
	assert_int_equal(called, 10);
	assert_int_equal(rk_rcu_run(rcu, 0), 0);
	rk_rcu_read_unlock(rcu, section);
	assert_int_equal(rk_rcu_run(rcu, A_MINUTE), 10);
	each_called_once(20);
}

static void no_more_than_the_limit(void **state)
{
	struct rk_rcu *small;

	(void)state;
	defer(0, CALLS);
	assert_int_equal(rk_rcu_defer(rcu, &jobs[0].call, work), -EAGAIN);
	assert_int_equal(rk_rcu_barrier(rcu), 0);
	each_called_once(CALLS);
	assert_int_equal(rk_rcu_create(&small, 1), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(rk_rcu_defer(small, &jobs[0].call, work), 0);
		assert_int_equal(rk_rcu_defer(small, &jobs[1].call, work), -EAGAIN);
		assert_int_equal(rk_rcu_run(small, A_MINUTE), 1);
	}
	assert_int_equal(rk_rcu_destroy(small), 0);
}

/*
 * A call is allowed to defer calls, to read, and to wait for readers. Functions that would wait for the call itself
 * return an error.
 */
static int results[4], again;

static void work_and_more(struct rk_rcu_call *call)
{
	struct rk_rcu_section *section;

	rk_rcu_read_lock(rcu, &section);
	results[0] = rk_rcu_run(rcu, 0);
	results[1] = rk_rcu_barrier(rcu);
	results[2] = rk_rcu_destroy(rcu);
	rk_rcu_read_unlock(rcu, section);
	results[3] = rk_rcu_synchronize(rcu);
	if (again-- > 0)
		assert_int_equal(rk_rcu_defer(rcu, call, work_and_more), 0);
	else
		work(call);
}

static void a_call_may_use_it(void **state)
{
	(void)state;
	again = 3;
	assert_int_equal(rk_rcu_defer(rcu, &jobs[0].call, work_and_more), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(called, 0);
		assert_int_equal(rk_rcu_run(rcu, A_MINUTE), 1);
		assert_int_equal(results[0], -EDEADLK);
		assert_int_equal(results[1], -EDEADLK);
		assert_int_equal(results[2], -EBUSY);
		assert_int_equal(results[3], 0);
	}
	each_called_once(1);
	assert_int_equal(rk_rcu_barrier(rcu), 0);
}

/* One thread (the runner) only calls rk_rcu_run(). Other threads defer calls and wait for them. */
static int stop;

static void *keep_running(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
		if (rk_rcu_run(rcu, INT64_MAX) < 0)
			return arg;
	return NULL;
}

/*
 * Ends the runner. If the runner sleeps, a deferred call wakes it. A runner that has already seen `stop` ends without
 * making this call. Then rk_rcu_barrier() makes the call.
 */
static void end_runner(pthread_t runner)
{
	void *failed;

	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	defer(0, 1);
	assert_int_equal(pthread_join(runner, &failed), 0);
	assert_null(failed);
	assert_int_equal(rk_rcu_barrier(rcu), 0);
}

static void *defer_and_wait(void *arg)
{
	int first = *(int *)arg;

	for (int i = first; i < first + CALLS / 4; i++) {
		if (rk_rcu_defer(rcu, &jobs[i].call, work) != 0)
			return arg;
		if (i % 25 == 0 && (rk_rcu_barrier(rcu) != 0 || __atomic_load_n(&jobs[i].called, __ATOMIC_RELAXED) != 1))
			return arg;
	}
	return rk_rcu_barrier(rcu) == 0 ? NULL : arg;
}

static void run_by_a_thread(void **state)
{
	pthread_t runner, users[4];
	int firsts[4];
	void *failed;

	(void)state;
	stop = 0;
	assert_int_equal(pthread_create(&runner, NULL, keep_running, &stop), 0);
	for (int i = 0; i < 4; i++) {
		firsts[i] = i * CALLS / 4;
		assert_int_equal(pthread_create(&users[i], NULL, defer_and_wait, &firsts[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(users[i], &failed), 0);
		assert_null(failed);
	}
	each_called_once(CALLS);
	/* After this pause the runner sleeps. Then a deferred call must wake it. */
	usleep(50000);
	jobs[0].called = 0;
	defer(0, 1);
	for (int i = 0; i < 10000 && __atomic_load_n(&called, __ATOMIC_ACQUIRE) == CALLS; i++)
		usleep(1000);
	assert_int_equal(called, CALLS + 1);
	end_runner(runner);
}

static int passed;

static void *wait_for_calls(void *arg)
{
	int r = rk_rcu_barrier(rcu);

	__atomic_store_n(&passed, 1, __ATOMIC_RELEASE);
	return r == 0 ? NULL : arg;
}

/* rk_rcu_barrier() waits until the calls have been made. It isn't enough that a runner has taken them off the queue. */
static void a_barrier_waits_until_they_are_called(void **state)
{
	struct rk_rcu_section *section;
	pthread_t thread;
	void *failed;

	(void)state;
	rk_rcu_read_lock(rcu, &section);
	passed = 0;
	defer(0, 10);
	assert_int_equal(pthread_create(&thread, NULL, wait_for_calls, rcu), 0);
	usleep(50000);
	assert_int_equal(__atomic_load_n(&passed, __ATOMIC_ACQUIRE), 0);
	rk_rcu_read_unlock(rcu, section);
	assert_int_equal(pthread_join(thread, &failed), 0);
	assert_null(failed);
	each_called_once(10);
}

#define TURNS (int)(ROUNDS(2000) + 1)

/*
 * A runner finds no call, because another thread has taken the only call. This other thread puts the call back, because
 * the call's grace period hasn't ended. The runner must then make the call.
 */
static void *take_and_leave(void *arg)
{
	for (int i = 0; i < TURNS && __atomic_load_n(&called, __ATOMIC_ACQUIRE) == i; i++) {
		struct rk_rcu_section *section;

		rk_rcu_read_lock(rcu, &section);
		if (rk_rcu_defer(rcu, &jobs[i % CALLS].call, work) != 0 || rk_rcu_run(rcu, 0) == 1)
			return arg; /* the call can't be made while this thread reads */
		rk_rcu_read_unlock(rcu, section);
		for (int ms = 0; ms < 10000 && __atomic_load_n(&called, __ATOMIC_ACQUIRE) == i; ms++)
			usleep(ms == 0 ? 0 : 1000);
	}
	return NULL;
}

static void nothing_is_left_to_wait(void **state)
{
	pthread_t runner, user;
	void *failed;

	(void)state;
	stop = 0;
	assert_int_equal(pthread_create(&runner, NULL, keep_running, &stop), 0);
	assert_int_equal(pthread_create(&user, NULL, take_and_leave, rcu), 0);
	assert_int_equal(pthread_join(user, &failed), 0);
	assert_null(failed);
	assert_int_equal(called, TURNS);
	end_runner(runner);
}

/* If a thread is cancelled while it runs calls, the thread ends after these calls. */
static void work_with_a_cancellation_point(struct rk_rcu_call *call)
{
	usleep(1000);
	work(call);
}

static void *run_cancelled(void *arg)
{
	(void)pthread_cancel(pthread_self());
	(void)rk_rcu_run(rcu, A_MINUTE);
	pthread_testcancel();
	return arg;
}

static void cancelled_after_its_calls(void **state)
{
	pthread_t thread;
	void *result;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(rk_rcu_defer(rcu, &jobs[i].call, work_with_a_cancellation_point), 0);
	assert_int_equal(pthread_create(&thread, NULL, run_cancelled, rcu), 0);
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_ptr_equal(result, PTHREAD_CANCELED);
	each_called_once(3);
	assert_int_equal(rk_rcu_run(rcu, 0), 0);
}

/* If there is no call, rk_rcu_run() returns 0 when its time is over. */
static void waits_no_longer_than_told(void **state)
{
	struct timespec before, after;
	int64_t took;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &before);
	assert_int_equal(rk_rcu_run(rcu, 30000000), 0);
	clock_gettime(CLOCK_MONOTONIC, &after);
	took = (after.tv_sec - before.tv_sec) * 1000000000LL + after.tv_nsec - before.tv_nsec;
	assert_true(took >= 30000000);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(called_when_readers_are_through, start, end),
	cmocka_unit_test_setup_teardown(no_more_than_the_limit, start, end),
	cmocka_unit_test_setup_teardown(a_call_may_use_it, start, end),
	cmocka_unit_test_setup_teardown(run_by_a_thread, start, end),
	cmocka_unit_test_setup_teardown(a_barrier_waits_until_they_are_called, start, end),
	cmocka_unit_test_setup_teardown(nothing_is_left_to_wait, start, end),
	cmocka_unit_test_setup_teardown(cancelled_after_its_calls, start, end),
	cmocka_unit_test_setup_teardown(waits_no_longer_than_told, start, end),
};

RUN(tests)
