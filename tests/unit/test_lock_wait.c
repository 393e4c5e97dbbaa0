/* SPDX-License-Identifier: MIT */
/*
 * Tests that a release of a per-CPU lock wakes waiting threads, whether the lock was acquired on its own CPU or from
 * another CPU.
 */
#include "lock_ways.h"
#include "wakes.h"

#define TURNS 20
#define TURNS_MAX 1000 /* the loop ends after TURNS turns if a waiting thread has slept, and otherwise after TURNS_MAX turns */
#define WAITERS 4

static int had[LOCK_WAYS];

struct waiter {
	enum lock_way way;
	pthread_t thread;
};

static void *take_when_it_can(void *arg)
{
	struct waiter *waiter = arg;

	CHECK(take_once(waiter->way, INT64_MAX) == 0);
	__atomic_fetch_add(&had[waiter->way], 1, __ATOMIC_RELAXED);
	return NULL;
}

/* Several threads wait by the way `many`, and one thread by the way `one`. No thread sleeps while the lock is free. */
static void wait_for(enum lock_way holder, enum lock_way many, enum lock_way one)
{
	struct waiter waiters[WAITERS];
	int before = 0, woke = 0, turns = 0;
	void *data;

	memset(had, 0, sizeof(had));
	overslept = 0;
	patiently = true;
	for (; turns < TURNS || (woke == 0 && turns < TURNS_MAX); turns++) {
		assert_int_equal(take(holder, INT64_MAX, &data), 0);
		for (int w = 0; w < WAITERS; w++) {
			waiters[w].way = w == 0 ? one : many;
			assert_int_equal(pthread_create(&waiters[w].thread, NULL, take_when_it_can, &waiters[w]), 0);
		}
		wait_for_sleepers(WAITERS);
		(void)woken_since(&before);
		assert_int_equal(rk_lock_release(lock, data), 0);
		for (int w = 0; w < WAITERS; w++)
			assert_int_equal(pthread_join(waiters[w].thread, NULL), 0);
		woke += woken_since(&before);
		assert_int_equal(overslept, 0);
	}
	patiently = false;
	printf("# woken in %d turns of %d: %d\n", turns, WAITERS, woke);
	assert_int_equal(had[many] + (many == one ? 0 : had[one]), turns * WAITERS);
	assert_true(woke > 0);
}

static void woken_when_it_is_free(void **state)
{
	cpu_set_t allowed;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	here = sched_getcpu();
	pin(here);
	assert_int_equal(rk_lock_create(&lock, 8), 0);
	wait_for(HERE, HERE, HERE);
	wait_for(FROM_ELSEWHERE, FROM_ELSEWHERE, FROM_ELSEWHERE);
	wait_for(HERE_BY_OVERFLOW, HERE_BY_OVERFLOW, FROM_ELSEWHERE_OVERFLOW);
	if (WITH_RSEQ()) {
		wait_for(HERE, FROM_ELSEWHERE, FROM_ELSEWHERE);
		wait_for(FROM_ELSEWHERE, HERE, HERE);
		wait_for(HERE, HERE, FROM_ELSEWHERE);
		wait_for(FROM_ELSEWHERE, HERE, FROM_ELSEWHERE);
	}
	assert_int_equal(rk_lock_destroy(lock), 0);
	assert_int_equal(sched_setaffinity(0, sizeof(allowed), &allowed), 0);
}

/*
 * A thread acquires its CPU's lock by a critical section, and another thread waits for this lock by rk_lock_cpu(). If the first
 * thread then wants the lock by rk_lock_cpu(), or by a critical section again, it gets an error and doesn't wait.
 */
static void *close_it(void *arg)
{
	pthread_barrier_wait(arg);
	CHECK(take_once(FROM_ELSEWHERE, INT64_MAX) == 0);
	return NULL;
}

static void no_two_wait_for_each_other(void **state)
{
	pthread_barrier_t soon;
	cpu_set_t allowed;
	pthread_t thread;
	void *data, *more;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	here = sched_getcpu();
	pin(here);
	assert_int_equal(rk_lock_create(&lock, 8), 0);
	assert_int_equal(pthread_barrier_init(&soon, NULL, 2), 0);
	assert_int_equal(take(HERE, INT64_MAX, &data), 0);
	assert_int_equal(pthread_create(&thread, NULL, close_it, &soon), 0);
	pthread_barrier_wait(&soon);
	if (rk_lock_index(lock, data) == here) {
		wait_for_sleepers(1);
		assert_int_equal(take(FROM_ELSEWHERE, 0, &more), -EBUSY);
		assert_int_equal(take(FROM_ELSEWHERE, 2000000, &more), -EDEADLK);
		assert_int_equal(take(HERE, 2000000, &more), -EDEADLK);
	}
	assert_int_equal(rk_lock_release(lock, data), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(rk_lock_destroy(lock), 0);
	assert_int_equal(sched_setaffinity(0, sizeof(allowed), &allowed), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(no_two_wait_for_each_other),
	cmocka_unit_test(woken_when_it_is_free),
};

RUN(tests)
