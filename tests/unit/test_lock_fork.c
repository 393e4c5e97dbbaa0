/* SPDX-License-Identifier: MIT */
/*
 * Tests per-CPU locks in a child. Each CPU's part of a lock is a slot. The child's thread holds the locks that it held before
 * the fork. If another thread held a lock at the fork, the child's first acquisition of this lock returns 1, and later ones
 * return 0.
 */
#include "lock_children.h"
#include "wakes.h"

/* Runs in a child. Forks again, before any thread of this child has used the lock. */
static int still_mine_further_on(int way)
{
	start();
	return in_child_with(still_mine, way);
}

/* Like half_done(), but a thread that this child creates makes the first acquisition. */
static int half_done_first_of_all_elsewhere(int way)
{
	bool same = same_data(way_of_other, (enum lock_way)way);

	start();
	CHECK(other_tries((enum lock_way)way) == same);
	CHECK(other_waits(way_of_other) == !same);
	all_is_free();
	return rk_lock_destroy(lock);
}

/* Runs after an acquisition has returned 1, in the same child or in its child. All acquisitions return 0 now. */
static int nothing_is_told(void)
{
	start();
	all_is_free();
	return rk_lock_destroy(lock);
}

/* While the child's thread holds a slot, rk_lock_destroy() fails, and changes nothing. */
static int kept_if_not_destroyed(void)
{
	void *data;

	start();
	CHECK(take(same_data(way_of_other, FROM_ELSEWHERE) ? FROM_ELSEWHERE_OVERFLOW : FROM_ELSEWHERE, 0, &data) == 0);
	CHECK(rk_lock_destroy(lock) == -EBUSY && rk_lock_release(lock, data) == 0);
	CHECK(take_once(way_of_other, 0) == 1);
	all_is_free();
	return 0;
}

static int told_once(void)
{
	start();
	CHECK(take(way_of_other, 0, &mine) == 1);
	CHECK(in_child_with(still_mine, (int)way_of_other) == 0);
	CHECK(rk_lock_release(lock, mine) == 0);
	CHECK(in_child(nothing_is_told) == 0);
	return nothing_is_told();
}

static void what_is_mine(void **state)
{
	cpu_set_t allowed;

	(void)state;
	NEEDS_THREADS_IN_CHILDREN();
	prepare(&allowed);
	for (int way = 0; way < LOCK_WAYS; way++) {
		assert_int_equal(take((enum lock_way)way, INT64_MAX, &mine), 0);
		assert_int_equal(in_child_with(still_mine, way), 0);
		assert_int_equal(in_child_with(still_mine_further_on, way), 0);
		assert_int_equal(rk_lock_release(lock, mine), 0);
	}
	finish(&allowed);
}

static void what_is_others(void **state)
{
	cpu_set_t allowed;

	(void)state;
	NEEDS_THREADS_IN_CHILDREN();
	prepare(&allowed);
	for (int way = 0; way < LOCK_WAYS; way++) {
		pthread_t thread = start_holding((enum lock_way)way, hold);

		for (int second = 0; second < LOCK_WAYS; second++) {
			assert_int_equal(in_child_with(half_done, second), 0);
			assert_int_equal(in_child_with(half_done_first_of_all_elsewhere, second), 0);
			assert_int_equal(in_a_child_of_clone(alone_after_clone, second), 0);
		}
		assert_int_equal(in_child(told_once), 0);
		assert_int_equal(in_child(kept_if_not_destroyed), 0);
		end_holding(thread);
		all_is_free();
	}
	finish(&allowed);
}

/* Waits for the slot of CPU `here`. A child lacks this thread, but must not conclude that it lacks the lock's holder. */
static void *wait_for_it(void *arg)
{
	pthread_barrier_wait(&there);
	CHECK(take_once(FROM_ELSEWHERE, INT64_MAX) == 0);
	return arg;
}

static void beside_one_who_waits(void **state)
{
	pthread_t thread, holder;
	cpu_set_t allowed;

	(void)state;
	NEEDS_THREADS_IN_CHILDREN();
	prepare(&allowed);
	for (int way = 0; way < LOCK_WAYS; way++) {
		assert_int_equal(take((enum lock_way)way, INT64_MAX, &mine), 0);
		assert_int_equal(pthread_create(&thread, NULL, wait_for_it, NULL), 0);
		pthread_barrier_wait(&there);
		if (same_data((enum lock_way)way, FROM_ELSEWHERE)) {
			wait_for_sleepers(1);
			assert_int_equal(in_child_with(still_mine, way), 0);
		}
		assert_int_equal(rk_lock_release(lock, mine), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
	}
	holder = start_holding(HERE, hold);
	assert_int_equal(pthread_create(&thread, NULL, wait_for_it, NULL), 0);
	pthread_barrier_wait(&there);
	if (same_data(HERE, FROM_ELSEWHERE))
		wait_for_sleepers(1);
	else /* the thread waited for another slot than the holder's, so it has acquired the lock and has ended */
		assert_int_equal(pthread_join(thread, NULL), 0);
	for (int second = 0; second < LOCK_WAYS; second++)
		assert_int_equal(in_child_with(half_done, second), 0);
	end_holding(holder);
	if (same_data(HERE, FROM_ELSEWHERE))
		assert_int_equal(pthread_join(thread, NULL), 0);
	finish(&allowed);
}

/*
 * A seccomp filter refuses fences, so the thread can't know that no critical section uses this CPU's data, and gets the
 * overflow slot.
 */
static void *without_a_fence(void *arg)
{
	void *data;

	refuse(SYS_membarrier, SYS_sched_setaffinity, EPERM);
	CHECK(rk_lock_cpu(lock, here, &data) == -EHOSTUNREACH && rk_lock_cpu_try(lock, here, &data) == -EHOSTUNREACH);
	for (int i = 0; i < 3; i++) {
		CHECK(rk_lock_here_for(lock, i == 0 ? 0 : INT64_MAX, &data) == 0);
		CHECK(rk_lock_index(lock, data) == RK_INDEX_OVERFLOW && rk_lock_release(lock, data) == 0);
	}
	return arg;
}

static int half_done_without_a_fence(int way)
{
	pthread_t thread;

	start();
	CHECK(pthread_create(&thread, NULL, without_a_fence, NULL) == 0 && pthread_join(thread, NULL) == 0);
	CHECK(take_once((enum lock_way)way, 0) == 1);
	all_is_free();
	return 0;
}

static void told_where_a_fence_fails(void **state)
{
	cpu_set_t allowed;

	(void)state;
	NEEDS_THREADS_IN_CHILDREN();
	if (!WITH_RSEQ())
		SKIP("no rseq: no fence is needed");
	prepare(&allowed);
	for (int way = 0; way < LOCK_WAYS; way++) {
		pthread_t thread;

		if (!same_data((enum lock_way)way, HERE))
			continue;
		thread = start_holding((enum lock_way)way, hold);
		assert_int_equal(in_child_with(half_done_without_a_fence, HERE), 0);
		assert_int_equal(in_child_with(half_done_without_a_fence, FROM_ELSEWHERE), 0);
		end_holding(thread);
	}
	finish(&allowed);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(what_is_mine),
	cmocka_unit_test(what_is_others),
	cmocka_unit_test(beside_one_who_waits),
	cmocka_unit_test(told_where_a_fence_fails),
};

RUN(tests)
