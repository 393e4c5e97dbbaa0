/* SPDX-License-Identifier: MIT */
/* What a child has of per-CPU locks: what its thread holds, and what others left half done is told, once. */
#include "lock_ways.h"

static void *mine;
static enum lock_way way_of_other; /* by which another thread holds it */
static pthread_barrier_t there, back;

static void start(void)
{
	forked = true;
	alarm(60);
}

/* As the thread that forked, and holds it. */
static int still_mine(int way)
{
	start();
	for (int second = 0; second < LOCK_WAYS; second++) {
		bool same = same_data((enum lock_way)way, (enum lock_way)second);

		CHECK(other_tries((enum lock_way)second) == (same ? -EBUSY : 0));
		CHECK(other_waits((enum lock_way)second) == (same ? -ETIMEDOUT : 0));
		CHECK(take_once((enum lock_way)second, 0) == (same ? -EBUSY : 0));
	}
	CHECK(rk_lock_release(mine) == 0);
	all_is_free();
	return rk_lock_destroy(lock);
}

static int still_mine_alone(int way)
{
	start();
	CHECK(take_once((enum lock_way)way, 0) == -EBUSY && rk_lock_release(mine) == 0);
	CHECK(take_once((enum lock_way)way, 0) == 0);
	return 0;
}

/* Its child, before anybody has looked at the lock in this process. */
static int still_mine_further_on(int way)
{
	start();
	return in_child_with(still_mine, way);
}

static void *hold(void *arg)
{
	void *data;

	CHECK(take(way_of_other, INT64_MAX, &data) == 0);
	pthread_barrier_wait(&there);
	pthread_barrier_wait(&back);
	CHECK(rk_lock_release(data) == 0);
	return arg;
}

/* By the thread that forked; by one that this child creates: who comes first is told. */
static int half_done(int way)
{
	bool same = same_data(way_of_other, (enum lock_way)way);

	start();
	CHECK(take_once((enum lock_way)way, 0) == same);
	CHECK(take_once(way_of_other, INT64_MAX) == !same);
	all_is_free();
	return rk_lock_destroy(lock);
}

static int half_done_first_of_all_elsewhere(int way)
{
	bool same = same_data(way_of_other, (enum lock_way)way);

	start();
	CHECK(other_tries((enum lock_way)way) == same);
	CHECK(other_waits(way_of_other) == !same);
	all_is_free();
	return rk_lock_destroy(lock);
}

/* Whoever was told has it like any other. */
static int nothing_is_told(void)
{
	start();
	all_is_free();
	return rk_lock_destroy(lock);
}

/* Nor is anything forgotten when it can't be destroyed, for its thread has the last CPU's. */
static int kept_if_not_destroyed(void)
{
	void *data;

	start();
	CHECK(take(same_data(way_of_other, FROM_ELSEWHERE) ? FROM_ELSEWHERE_OVERFLOW : FROM_ELSEWHERE, 0, &data) == 0);
	CHECK(rk_lock_destroy(lock) == -EBUSY && rk_lock_release(data) == 0);
	CHECK(rk_lock_cpu(lock, rk_cpus_next(-1), &data) == 0 || here == rk_cpus_next(-1));
	CHECK(here == rk_cpus_next(-1) || (rk_lock_destroy(lock) == -EBUSY && rk_lock_release(data) == 0));
	CHECK(take_once(way_of_other, 0) == 1);
	all_is_free();
	return 0;
}

static int told_once(void)
{
	start();
	CHECK(take(way_of_other, 0, &mine) == 1);
	CHECK(in_child_with(still_mine, (int)way_of_other) == 0);
	CHECK(rk_lock_release(mine) == 0);
	CHECK(in_child(nothing_is_told) == 0);
	return nothing_is_told();
}

static int in_a_child_of_clone(int (*deed)(int), int arg)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		_exit(deed(arg));
	return exit_status_of(pid);
}

static int alone_after_clone(int way)
{
	start();
	CHECK(take_once((enum lock_way)way, 0) == same_data(way_of_other, (enum lock_way)way));
	CHECK(take_once(way_of_other, 0) == !same_data(way_of_other, (enum lock_way)way));
	return 0;
}

static void prepare(cpu_set_t *allowed)
{
	assert_int_equal(sched_getaffinity(0, sizeof(*allowed), allowed), 0);
	for (here = CPU_SETSIZE - 1; !CPU_ISSET(here, allowed); here--)
		;
	pin(here);
	assert_int_equal(rk_lock_create(&lock, 8), 0);
	assert_int_equal(pthread_barrier_init(&there, NULL, 2), 0);
	assert_int_equal(pthread_barrier_init(&back, NULL, 2), 0);
}

static void finish(const cpu_set_t *allowed)
{
	assert_int_equal(rk_lock_destroy(lock), 0);
	assert_int_equal(sched_setaffinity(0, sizeof(*allowed), allowed), 0);
}

#define NEEDS_THREADS_IN_CHILDREN()                                                                                    \
	do {                                                                                                           \
		if (THREAD_SANITIZED)                                                                                  \
			SKIP("ThreadSanitizer starts no threads in a child");                                          \
	} while (0)

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
		assert_int_equal(rk_lock_release(mine), 0);
	}
	finish(&allowed);
}

static void what_is_others(void **state)
{
	cpu_set_t allowed;
	pthread_t thread;

	(void)state;
	NEEDS_THREADS_IN_CHILDREN();
	prepare(&allowed);
	for (int way = 0; way < LOCK_WAYS; way++) {
		way_of_other = (enum lock_way)way;
		assert_int_equal(pthread_create(&thread, NULL, hold, NULL), 0);
		pthread_barrier_wait(&there);
		for (int second = 0; second < LOCK_WAYS; second++) {
			assert_int_equal(in_child_with(half_done, second), 0);
			assert_int_equal(in_child_with(half_done_first_of_all_elsewhere, second), 0);
			assert_int_equal(in_a_child_of_clone(alone_after_clone, second), 0);
		}
		assert_int_equal(in_child(told_once), 0);
		assert_int_equal(in_child(kept_if_not_destroyed), 0);
		pthread_barrier_wait(&back);
		assert_int_equal(pthread_join(thread, NULL), 0);
		all_is_free();
	}
	finish(&allowed);
}

/* Somebody has closed it, and waits for who holds it: that isn't half done by him. */
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
		usleep(20000);
		if (same_data((enum lock_way)way, FROM_ELSEWHERE))
			assert_int_equal(in_child_with(still_mine, way), 0);
		assert_int_equal(rk_lock_release(mine), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
	}
	way_of_other = HERE;
	assert_int_equal(pthread_create(&holder, NULL, hold, NULL), 0);
	pthread_barrier_wait(&there);
	assert_int_equal(pthread_create(&thread, NULL, wait_for_it, NULL), 0);
	pthread_barrier_wait(&there);
	usleep(20000);
	for (int second = 0; second < LOCK_WAYS; second++)
		assert_int_equal(in_child_with(half_done, second), 0);
	pthread_barrier_wait(&back);
	assert_int_equal(pthread_join(holder, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	finish(&allowed);
}

/* Where there is no fence for a thread nobody can tell that a section isn't at it: the overflow slot is left. */
static void *without_a_fence(void *arg)
{
	void *data;

	refuse(SYS_membarrier, SYS_sched_setaffinity, EPERM);
	CHECK(rk_lock_cpu(lock, here, &data) == -EHOSTUNREACH && rk_lock_cpu_try(lock, here, &data) == -EHOSTUNREACH);
	for (int i = 0; i < 3; i++) {
		CHECK(rk_lock_here_for(lock, i == 0 ? 0 : INT64_MAX, &data) == 0);
		CHECK(rk_lock_index(lock, data) == RK_INDEX_OVERFLOW && rk_lock_release(data) == 0);
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
	pthread_t thread;

	(void)state;
	NEEDS_THREADS_IN_CHILDREN();
	if (!WITH_RSEQ())
		SKIP("none is needed");
	prepare(&allowed);
	for (int way = 0; way < LOCK_WAYS; way++) {
		if (!same_data((enum lock_way)way, HERE))
			continue;
		way_of_other = (enum lock_way)way;
		assert_int_equal(pthread_create(&thread, NULL, hold, NULL), 0);
		pthread_barrier_wait(&there);
		assert_int_equal(in_child_with(half_done_without_a_fence, HERE), 0);
		assert_int_equal(in_child_with(half_done_without_a_fence, FROM_ELSEWHERE), 0);
		pthread_barrier_wait(&back);
		assert_int_equal(pthread_join(thread, NULL), 0);
	}
	finish(&allowed);
}

/* Where no handlers of fork run: by a thread that has had nothing to do with locks, and by one whose child's threads had. */
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
	prepare(&allowed); /* which is all that this thread has done so far */
	way_of_other = HERE;
	assert_int_equal(pthread_create(&thread, NULL, hold, NULL), 0);
	pthread_barrier_wait(&there);
	assert_int_equal(in_a_child_of_clone(alone_after_clone, HERE), 0);
	pthread_barrier_wait(&back);
	assert_int_equal(pthread_join(thread, NULL), 0);
	for (int way = 0; way < LOCK_WAYS; way++) {
		assert_int_equal(take((enum lock_way)way, INT64_MAX, &mine), 0);
		assert_int_equal(in_a_child_of_clone(still_mine_alone, way), 0);
		assert_int_equal(in_a_child_of_clone(look_and_fork, way), 0);
		assert_int_equal(rk_lock_release(mine), 0);
	}
	assert_int_equal(rk_lock_destroy(first), 0);
	finish(&allowed);
}

/* A thread of the child's that has the thread pointer of one that it was forked without, forks in turn. */
static void *pointer_of_holder;

static void *hold_and_tell(void *arg)
{
	pointer_of_holder = rk_thread_pointer();
	return hold(arg);
}

static void *fork_with_that_pointer(void *arg)
{
	if (rk_thread_pointer() == pointer_of_holder)
		*(int *)arg = in_child_with(half_done, HERE);
	return NULL;
}

/* 77 where no thread has got it. */
static int with_a_pointer_again(void)
{
	pthread_t threads[8];
	int ends[8];

	start();
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
	way_of_other = HERE;
	assert_int_equal(pthread_create(&thread, NULL, hold_and_tell, NULL), 0);
	pthread_barrier_wait(&there);
	r = in_child(with_a_pointer_again);
	pthread_barrier_wait(&back);
	assert_int_equal(pthread_join(thread, NULL), 0);
	finish(&allowed);
	if (r == 77)
		SKIP("this C library gives no thread the memory of one that a fork left behind");
	assert_int_equal(r, 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(in_children_of_clone), /* first: nothing was locked before */
	cmocka_unit_test(what_is_mine),
	cmocka_unit_test(what_is_others),
	cmocka_unit_test(beside_one_who_waits),
	cmocka_unit_test(told_where_a_fence_fails),
	cmocka_unit_test(pointers_that_are_used_again),
};

RUN(tests)
