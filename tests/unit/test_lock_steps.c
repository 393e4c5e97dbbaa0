/* SPDX-License-Identifier: MIT */
/*
 * Tests acquiring and releasing a per-CPU lock, interrupted at each instruction (interrupt.h). The interruption is a
 * handler that tries all ways, a fork of the interrupted thread, or a fork of another thread. The invariant: each
 * process has at most one holder at a time, and nothing keeps the next holder out.
 */
#define INSTRUCTIONS_MAX 700
#include "interrupt.h"
#include "lock_ways.h"

static volatile int holders; /* number of threads of this process that hold the interrupted lock */
static enum lock_way way;
static void *taken;

static void start(void)
{
	struct rk_lock *first;

	/* Uses another lock first, because the first use in a process takes many instructions. */
	CHECK(rk_lock_create(&first, 8) == 0);
	lock = first;
	here = sched_getcpu();
	for (int i = 0; i < LOCK_WAYS; i++)
		CHECK(take_once((enum lock_way)i, 0) == 0);
	CHECK(rk_lock_create(&lock, 8) == 0);
	holders = 0;
	forked = true;
}

static void take_it(void)
{
	void *data;
	int r = take(way, INT64_MAX, &data);

	CHECK(r == 0);
	holders++;
	CHECK(holders == 1);
	holders--;
	CHECK(rk_lock_release(lock, data) == 0);
}

static void try_all(void)
{
	void *data;

	for (int i = 0; i < LOCK_WAYS; i++) {
		int r = take((enum lock_way)i, 0, &data);

		CHECK(r == 0 || r == -EBUSY);
		if (r < 0)
			continue;
		CHECK(holders == 0 || !same_data(way, (enum lock_way)i));
		CHECK(rk_lock_release(lock, data) == 0);
	}
}

static int judge(void)
{
	all_is_free();
	return rk_lock_destroy(lock);
}

/*
 * Another thread forked; this function runs in the child, where the lock has no holder. If the interrupted thread
 * held the lock, one acquisition returns 1. If that thread was about to acquire the lock, at most one acquisition
 * returns 1.
 */
static int go_on_in_child(void)
{
	int had = holders, told = 0;

	alarm(60);
	holders = 0;
	for (int i = 0; i < LOCK_WAYS; i++) {
		int r = take_once((enum lock_way)i, INT64_MAX);

		CHECK(r == 0 || r == 1);
		told += r;
	}
	CHECK(told <= 1 && told >= had);
	return judge();
}

static void fork_by_another(void)
{
	fork_in_another_thread(go_on_in_child);
}

/* Runs in a child of a thread that holds `taken`. The child's thread holds `taken` too. */
static int hold_on_in_child(void)
{
	alarm(60);
	for (int i = 0; i < LOCK_WAYS; i++)
		(void)other_tries((enum lock_way)i);
	CHECK(rk_lock_release(lock, taken) == 0);
	for (int i = 0; i < LOCK_WAYS; i++)
		CHECK(take_once((enum lock_way)i, INT64_MAX) == 0);
	return judge();
}

static void *fork_while_holding(void *arg)
{
	if (take(FROM_ELSEWHERE, 0, &taken) != 0)
		return NULL;
	*(int *)arg = in_child(hold_on_in_child);
	CHECK(rk_lock_release(lock, taken) == 0);
	return NULL;
}

static void fork_by_a_holder(void)
{
	pthread_t thread;
	int ending = 0;

	CHECK(pthread_create(&thread, NULL, fork_while_holding, &ending) == 0 && pthread_join(thread, NULL) == 0);
	CHECK(ending == 0);
}

/* Acquires the lock before the steps begin, so only the release is interrupted. */
static void start_holding(void)
{
	start();
	CHECK(take(way, INT64_MAX, &taken) == 0);
}

static void release_it(void)
{
	CHECK(rk_lock_release(lock, taken) == 0);
}

/* A lock that a child inherits. At the fork, the lock is either free or held by another thread of the parent. */
static struct rk_lock *inherited;
static bool was_held;

static void inherit(void)
{
	lock = inherited;
	here = sched_getcpu();
	holders = 0;
	forked = true;
}

static void take_inherited(void)
{
	int r = take_once(way, INT64_MAX);

	CHECK(r == 0 || (r == 1 && was_held));
}

/* If the lock was held at the fork, the first acquisition in each child returns 1. */
static void try_inherited(void)
{
	void *data;

	for (int i = 0; i < LOCK_WAYS; i++) {
		int r = take((enum lock_way)i, 0, &data);

		CHECK(r == 0 || r == -EBUSY || (r == 1 && was_held));
		if (r >= 0)
			CHECK(rk_lock_release(lock, data) == 0);
	}
}

static pthread_barrier_t there, back;

static void *hold_inherited(void *arg)
{
	void *data;

	CHECK(take(HERE, INT64_MAX, &data) == 0);
	pthread_barrier_wait(&there);
	pthread_barrier_wait(&back);
	CHECK(rk_lock_release(lock, data) == 0);
	return arg;
}

/*
 * Acquires the lock by every way, and then checks that it is free. An acquisition only returns 1 if the lock was held
 * at the fork and no thread has acquired it since.
 */
static int judge_inherited(void)
{
	for (int i = 0; i < LOCK_WAYS; i++) {
		int r = take_once((enum lock_way)i, 0);

		CHECK(r == 0 || (r == 1 && was_held));
	}
	return judge();
}

static void in_children(void)
{
	static const struct interrupted with[] = {
		{inherit, take_inherited, try_inherited, judge_inherited, false},
		{inherit, take_inherited, fork_this_thread, judge_inherited, false},
	};

	for (way = HERE; way <= FROM_ELSEWHERE; way = way == HERE ? FROM_ELSEWHERE : LOCK_WAYS)
		interrupt_each(with, sizeof(with) / sizeof(with[0]));
}

static void in_a_child_that_inherits_it(void **state)
{
	pthread_t thread;

	(void)state;
	if (SANITIZED)
		SKIP("a sanitizer's runtime takes too many steps");
	here = sched_getcpu();
	assert_int_equal(rk_lock_create(&inherited, 8), 0);
	lock = inherited;
	in_children();
	was_held = true;
	assert_int_equal(pthread_barrier_init(&there, NULL, 2), 0);
	assert_int_equal(pthread_barrier_init(&back, NULL, 2), 0);
	assert_int_equal(pthread_create(&thread, NULL, hold_inherited, NULL), 0);
	pthread_barrier_wait(&there);
	in_children();
	pthread_barrier_wait(&back);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void at_every_instruction(void **state)
{
	static const struct interrupted with[] = {
		{start, take_it, try_all, judge, false},
		{start, take_it, fork_this_thread, judge, false},
		{start, take_it, fork_by_another, judge, false},
		{start, take_it, fork_by_a_holder, judge, false},
		{start_holding, release_it, try_all, judge, false},
		{start_holding, release_it, fork_this_thread, judge, false},
		{start_holding, release_it, fork_by_another, judge, false},
	};

	(void)state;
	for (way = HERE; way <= FROM_ELSEWHERE; way = way == HERE ? HERE_BY_OVERFLOW : way + 1)
		interrupt_each(with, sizeof(with) / sizeof(with[0]));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(in_a_child_that_inherits_it),
	cmocka_unit_test(at_every_instruction),
};

RUN(tests)
