/* SPDX-License-Identifier: MIT */
/*
 * Tests mutexes and their condition variables: each result, exclusion, which threads are woken and when, forks and
 * handlers. Only the holder of a mutex requests a slice extension.
 */
#include "wakes.h"
#include <sched.h>
#include <time.h>

static void each_result(void **state)
{
	struct rk_mutex mutex = RK_MUTEX_INIT;

	(void)state;
	assert_int_equal(rk_mutex_init(NULL, 0), -EINVAL);
	assert_int_equal(rk_mutex_init(&mutex, 2), -EINVAL);
	assert_int_equal(rk_mutex_init(&mutex, 0), 0);
	assert_int_equal(rk_mutex_lock(&mutex), 0);
	assert_int_equal(rk_mutex_lock_try(&mutex), -EBUSY);
	assert_int_equal(rk_mutex_lock_for(&mutex, 0), -EBUSY);
	assert_int_equal(rk_mutex_lock_for(&mutex, -1), -EINVAL);
	assert_int_equal(rk_mutex_lock_for(&mutex, 1000000), -ETIMEDOUT);
	assert_int_equal(rk_mutex_unlock(&mutex), 0);
	assert_int_equal(rk_mutex_lock_try(&mutex), 0);
	assert_int_equal(rk_mutex_unlock(&mutex), 0);
	assert_int_equal(rk_mutex_lock_for(&mutex, -1), 0); /* the mutex is free, so the call doesn't wait */
	assert_int_equal(rk_mutex_unlock(&mutex), 0);
}

static struct rk_mutex mutex = RK_MUTEX_INIT;
static struct rk_condition condition = RK_CONDITION_INIT;

static void *misuse(void *arg)
{
	CHECK(rk_mutex_unlock(arg) == -EPERM);
	CHECK(rk_condition_wait(&condition, arg) == -EPERM && condition.sleepers == 0);
	CHECK(rk_mutex_lock_try(arg) == -EBUSY);
	CHECK(rk_mutex_lock_for(arg, 1000000) == -ETIMEDOUT);
	return arg;
}

static void errors_are_told(void **state)
{
	struct rk_mutex checked = RK_MUTEX_INIT_CHECKED;
	pthread_t thread;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(rk_mutex_unlock(&checked), -EPERM);
		assert_int_equal(rk_mutex_lock(&checked), 0);
		assert_int_equal(rk_mutex_lock(&checked), -EDEADLK);
		assert_int_equal(rk_mutex_lock_for(&checked, 1000000), -EDEADLK);
		assert_int_equal(rk_mutex_lock_try(&checked), -EBUSY);
		assert_int_equal(pthread_create(&thread, NULL, misuse, &checked), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_int_equal(rk_condition_wait_for(&condition, &checked, -1), -EINVAL);
		assert_int_equal(rk_mutex_unlock(&checked), 0);
		assert_int_equal(rk_mutex_unlock(&checked), -EPERM);
		assert_int_equal(rk_mutex_init(&checked, RK_MUTEX_CHECKED), 0);
	}
}

#define ADDERS 4

static int64_t sum, waited;

static void *add(void *arg)
{
	const int64_t rounds = ROUNDS(200000);

	for (int64_t i = 0; i < rounds; i++) {
		int r = i % 16 == 0 ? rk_mutex_lock_try(&mutex) :
			i % 8 == 0 ? rk_mutex_lock_for(&mutex, 100000) : rk_mutex_lock(&mutex);

		if (r != 0) {
			CHECK(r == (i % 16 == 0 ? -EBUSY : -ETIMEDOUT));
			CHECK(rk_mutex_lock(&mutex) == 0);
			waited++;
		}
		sum++;
		if (i % 1024 == 0)
			sched_yield();
		CHECK(rk_mutex_unlock(&mutex) == 0);
	}
	return arg;
}

static void they_exclude(void **state)
{
	pthread_t threads[ADDERS];
	int before = woken;

	(void)state;
	sum = 0;
	for (int i = 0; i < ADDERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add, NULL), 0);
	for (int i = 0; i < ADDERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(sum, ADDERS * ROUNDS(200000));
	assert_int_equal(mutex.word, 0);
	printf("# %lld times locked, %lld refused at first, %d woken\n", (long long)sum, (long long)waited, woken - before);
}

/*
 * Locks the mutex once. While another thread holds the mutex, this thread stores 2 in the mutex's word. The 2 says
 * that a thread sleeps or is about to sleep.
 */
static void *lock_once(void *arg)
{
	CHECK(rk_mutex_lock(&mutex) == 0);
	sum++;
	CHECK(rk_mutex_unlock(&mutex) == 0);
	return arg;
}

static void sleepers_are_woken(void **state)
{
	pthread_t threads[ADDERS];
	int before = 0, rounds = 0, woke = 0;

	(void)state;
	sum = 0;
	/* Continues until some threads have slept. */
	for (; rounds < 20 || (woke == 0 && rounds < 1000); rounds++) {
		assert_int_equal(rk_mutex_lock(&mutex), 0);
		for (int i = 0; i < ADDERS; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, lock_once, NULL), 0);
		while (__atomic_load_n(&mutex.word, __ATOMIC_RELAXED) != 2)
			usleep(100);
		wait_for_sleepers(1);
		(void)woken_since(&before);
		assert_int_equal(rk_mutex_unlock(&mutex), 0);
		for (int i = 0; i < ADDERS; i++)
			assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(sum, (rounds + 1) * ADDERS);
		woke += woken_since(&before);
	}
	printf("# %d woken in %d rounds\n", woke, rounds);
	assert_true(woke > 0);
	assert_int_equal(rk_mutex_lock_try(&mutex), 0);
	assert_int_equal(rk_mutex_unlock(&mutex), 0);
	assert_int_equal(woken_since(&before), 0); /* no thread sleeps, so the unlock wakes none */
}

/* A queue that has room for one entry, between two threads. Each thread waits until the other has used the queue. */
static int full, taken;

static void *take_all(void *arg)
{
	const int rounds = (int)ROUNDS(20000);

	for (int i = 0; i < rounds; i++) {
		CHECK(rk_mutex_lock(&mutex) == 0);
		while (!full)
			CHECK(rk_condition_wait(&condition, &mutex) == 0);
		full = 0;
		taken++;
		CHECK(rk_mutex_unlock(&mutex) == 0);
		rk_condition_signal(&condition);
	}
	return arg;
}

static void no_event_is_lost(void **state)
{
	const int rounds = (int)ROUNDS(20000);
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, take_all, NULL), 0);
	for (int i = 0; i < rounds; i++) {
		assert_int_equal(rk_mutex_lock(&mutex), 0);
		while (full)
			assert_int_equal(rk_condition_wait(&condition, &mutex), 0);
		full = 1;
		assert_int_equal(rk_mutex_unlock(&mutex), 0);
		rk_condition_signal(&condition);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(taken, rounds);
	assert_int_equal(condition.sleepers, 0);
}

static int gate_open, through;

static void *pass(void *arg)
{
	CHECK(rk_mutex_lock(&mutex) == 0);
	while (!gate_open)
		CHECK(rk_condition_wait(&condition, &mutex) == 0);
	through++;
	CHECK(rk_mutex_unlock(&mutex) == 0);
	return arg;
}

static void all_or_one(void **state)
{
	pthread_t threads[ADDERS];
	int before = 0;

	(void)state;
	for (int i = 0; i < ADDERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, pass, NULL), 0);
	wait_for_sleepers(ADDERS);
	assert_int_equal(condition.sleepers, ADDERS);
	(void)woken_since(&before);
	rk_condition_signal(&condition);
	assert_true(woken_since(&before) <= 1);
	assert_int_equal(rk_mutex_lock(&mutex), 0);
	gate_open = 1;
	assert_int_equal(rk_mutex_unlock(&mutex), 0);
	rk_condition_broadcast(&condition);
	for (int i = 0; i < ADDERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(through, ADDERS);
	(void)woken_since(&before);
	rk_condition_signal(&condition);
	rk_condition_broadcast(&condition);
	assert_int_equal(woken_since(&before), 0);
}

static void an_event_that_never_comes(void **state)
{
	(void)state;
	assert_int_equal(rk_mutex_lock(&mutex), 0);
	assert_int_equal(rk_condition_wait_for(&condition, &mutex, 1000000), -ETIMEDOUT);
	assert_int_equal(rk_condition_wait_for(&condition, &mutex, 0), -ETIMEDOUT);
	assert_int_equal(rk_mutex_lock_try(&mutex), -EBUSY); /* the mutex is locked again after the wait */
	assert_int_equal(rk_mutex_unlock(&mutex), 0);
	assert_int_equal(condition.sleepers, 0);
}

static struct rk_mutex checked = RK_MUTEX_INIT_CHECKED;

static int hold_in_child(void)
{
	CHECK(rk_mutex_lock(&checked) == -EDEADLK && rk_mutex_unlock(&checked) == 0);
	CHECK(rk_mutex_lock(&checked) == 0 && rk_mutex_unlock(&checked) == 0);
	return 0;
}

static void held_in_the_child_as_well(void **state)
{
	(void)state;
	assert_int_equal(rk_mutex_lock(&checked), 0);
	assert_int_equal(in_child(hold_in_child), 0);
	assert_int_equal(rk_mutex_unlock(&checked), 0);
}

/* A handler tries to lock the mutex. It can interrupt any instruction of rk_mutex_lock() and rk_mutex_unlock(). */
static volatile sig_atomic_t tries, got;

static void try_it(int signo)
{
	int saved = errno, r;

	(void)signo;
	r = rk_mutex_lock_try(&mutex);
	tries++;
	if (r == 0) {
		got++;
		sum++;
		CHECK(rk_mutex_unlock(&mutex) == 0);
	}
	CHECK((r == 0 || r == -EBUSY) && errno == saved);
}

static void handlers_try(void **state)
{
	struct sigaction action = {.sa_handler = try_it, .sa_flags = SA_RESTART};
	struct itimerval often = storm_interval(100), never = {{0, 0}, {0, 0}};
	int64_t own = 0;

	(void)state;
	sum = 0;
	assert_int_equal(sigaction(SIGPROF, &action, NULL), 0);
	assert_int_equal(setitimer(ITIMER_PROF, &often, NULL), 0);
	while (tries < 20 || own < 1000) {
		assert_int_equal(rk_mutex_lock(&mutex), 0);
		sum++;
		own++;
		assert_int_equal(rk_mutex_unlock(&mutex), 0);
	}
	assert_int_equal(setitimer(ITIMER_PROF, &never, NULL), 0);
	assert_int_equal(sum, own + got);
	printf("# %d tries in handlers, %d of them refused\n", (int)tries, (int)(tries - got));
}

/* Without the slice extension, no request is visible. With it, a request is visible until the holder is preempted. */
static void the_holder_requests(void **state)
{
	int turns = 0;

	(void)state;
	if (rk_slice_enable() != 0 || !RK_HAVE_SECTIONS)
		SKIP("no slice extension here");
	for (sum = 0; sum <= 500 && turns < 100000; turns++) {
		uint32_t control;

		assert_int_equal(rk_mutex_lock(&mutex), 0);
		control = rk_thread_area()->slice_ctrl; /* is 0 after a preemption */
		assert_true(control == 1 || control == 0x100 || control == 0);
		got = control == 1;
		assert_int_equal(rk_mutex_lock_try(&mutex), -EBUSY);
		if (got)
			control = rk_thread_area()->slice_ctrl;
		assert_int_equal(rk_mutex_lock_for(&mutex, 1000), -ETIMEDOUT);
		assert_int_equal(rk_mutex_unlock(&mutex), 0);
		assert_int_equal(rk_thread_area()->slice_ctrl, 0);
		sum += got;
	}
	printf("# %lld requests seen in %d turns\n", (long long)sum, turns);
	assert_true(sum > 500);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(each_result),
	cmocka_unit_test(errors_are_told),
	cmocka_unit_test(they_exclude),
	cmocka_unit_test(sleepers_are_woken),
	cmocka_unit_test(no_event_is_lost),
	cmocka_unit_test(all_or_one),
	cmocka_unit_test(an_event_that_never_comes),
	cmocka_unit_test(held_in_the_child_as_well),
	cmocka_unit_test(handlers_try),
	cmocka_unit_test(the_holder_requests),
};

RUN(tests)
