/* SPDX-License-Identifier: MIT */
/*
 * Tests which per-CPU locks the child of a fork holds, in two cases that are hard to recognise. In the first, no fork
 * handlers ran. In the second, a new thread of the child has the thread pointer of a thread of the parent.
 */
#include "lock_children.h"

static int still_mine_alone(int way)
{
	start();
	CHECK(take_once((enum lock_way)way, 0) == -EBUSY && rk_lock_release(lock, mine) == 0);
	CHECK(take_once((enum lock_way)way, 0) == 0);
	return 0;
}

/*
 * The following tests fork without fork handlers. First, a thread forks that hasn't used locks yet. Later,
 * look_and_fork() runs in a child: it tries locks in another thread, and then forks again.
 */
static void *make_it(void *arg)
{
	CHECK(rk_lock_create(&lock, 8) == 0);
	return arg;
}

static int takes_all(int arg)
{
	(void)arg;
	start();
	for (int way = 0; way < LOCK_WAYS; way++)
		CHECK(take_once((enum lock_way)way, 0) == 0);
	return 0;
}

static int look_and_fork(int way)
{
	enum lock_way other_way = same_data((enum lock_way)way, HERE) ? HERE_BY_OVERFLOW : HERE;

	start();
	if (WITH_RSEQ())
		(void)other_tries(other_way);
	return in_child_with(still_mine, way);
}

static void in_children_of_clone(void **state)
{
	struct rk_lock *first;
	cpu_set_t allowed;
	pthread_t thread;

	(void)state;
	NEEDS_THREADS_IN_CHILDREN();
	here = sched_getcpu();
	assert_int_equal(pthread_create(&thread, NULL, make_it, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(in_a_child_of_clone(takes_all, 0), 0);
	first = lock;
	prepare(&allowed); /* up to this line, this thread has only forked */
	thread = start_holding(HERE, hold);
	assert_int_equal(in_a_child_of_clone(alone_after_clone, HERE), 0);
	end_holding(thread);
	for (int way = 0; way < LOCK_WAYS; way++) {
		assert_int_equal(take((enum lock_way)way, INT64_MAX, &mine), 0);
		assert_int_equal(in_a_child_of_clone(still_mine_alone, way), 0);
		assert_int_equal(in_a_child_of_clone(look_and_fork, way), 0);
		assert_int_equal(rk_lock_release(lock, mine), 0);
	}
	assert_int_equal(rk_lock_destroy(first), 0);
	finish(&allowed);
}

/*
 * The thread pointer of a thread that holds the lock in the parent. In the child, a new thread can get this thread pointer.
 * Then the new thread forks.
 */
static void *pointer_of_holder;

static void *hold_and_tell(void *arg)
{
	pointer_of_holder = rk_thread_pointer();
	return hold(arg);
}

/*
 * No thread starts or ends while one of these threads forks. Otherwise AddressSanitizer's own locks would stay held
 * in the child.
 */
static pthread_barrier_t all_started, one_forked;

static void *fork_with_that_pointer(void *arg)
{
	(void)pthread_barrier_wait(&all_started);
	if (rk_thread_pointer() == pointer_of_holder)
		*(int *)arg = in_child_with(half_done, HERE);
	(void)pthread_barrier_wait(&one_forked);
	return NULL;
}

/* Returns 77 if no thread of the child got the thread pointer of the parent's thread. */
static int with_a_pointer_again(void)
{
	pthread_t threads[8];
	int ends[8];

	start();
	CHECK(pthread_barrier_init(&all_started, NULL, 8) == 0 && pthread_barrier_init(&one_forked, NULL, 8) == 0);
	for (int i = 0; i < 8; i++) {
		ends[i] = 77;
		CHECK(pthread_create(&threads[i], NULL, fork_with_that_pointer, &ends[i]) == 0);
	}
	for (int i = 0; i < 8; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	for (int i = 0; i < 8; i++)
		if (ends[i] != 77)
			return ends[i];
	return 77;
}

static void pointers_that_are_used_again(void **state)
{
	cpu_set_t allowed;
	pthread_t thread;
	int r;

	(void)state;
	NEEDS_THREADS_IN_CHILDREN();
	prepare(&allowed);
	thread = start_holding(HERE, hold_and_tell);
	r = in_child(with_a_pointer_again);
	end_holding(thread);
	finish(&allowed);
	if (r == 77)
		SKIP("this C library gives no thread the memory of one that a fork left behind");
	assert_int_equal(r, 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(in_children_of_clone), /* must run first, before any lock was used */
	cmocka_unit_test(pointers_that_are_used_again),
};

RUN(tests)
