/* SPDX-License-Identifier: MIT */
/* Tests per-CPU locks: which thread gets which slot, by every way to acquire a lock. Each CPU's part of a lock is a slot. */
#include "lock_ways.h"
#include <limits.h>

/* If two ways of lock_ways.h acquire the same slot, only one of two acquisitions succeeds at a time. */
static void one_at_a_time(void)
{
	int index[LOCK_WAYS];
	void *data, *more;

	for (int way = 0; way < LOCK_WAYS; way++) {
		MUST(take((enum lock_way)way, 0, &data) == 0);
		index[way] = rk_lock_index(lock, data);
		MUST(rk_lock_data(lock, index[way]) == data && rk_lock_release(lock, data) == 0);
	}
	MUST(index[FROM_ELSEWHERE] == here && index[FROM_ELSEWHERE_OVERFLOW] == RK_INDEX_OVERFLOW);
	MUST(index[HERE_BY_OVERFLOW] == RK_INDEX_OVERFLOW && index[HERE_SLOWLY] == index[HERE]);
	for (int way = 0; way < LOCK_WAYS; way++) {
		MUST(take((enum lock_way)way, INT64_MAX, &data) == 0);
		for (int second = 0; second < LOCK_WAYS; second++) {
			bool same = index[way] == index[second];

			MUST(other_tries((enum lock_way)second) == (same ? -EBUSY : 0));
			MUST(other_waits((enum lock_way)second) == (same ? -ETIMEDOUT : 0));
			MUST(take_once((enum lock_way)second, 0) == (same ? -EBUSY : 0));
			MUST(take((enum lock_way)second, INT64_MAX, &more) == (same ? -EDEADLK : 0));
			if (!same)
				MUST(rk_lock_release(lock, more) == 0);
		}
		MUST(other((struct other){.release = data}) == -EPERM);
		MUST(rk_lock_destroy(lock) == -EBUSY);
		MUST(rk_lock_release(lock, data) == 0);
		MUST(rk_lock_release(lock, data) == -EPERM && other((struct other){.release = data}) == -EPERM);
	}
	all_is_free();
}

static int bound(void (*test)(void))
{
	cpu_set_t allowed;

	MUST(sched_getaffinity(0, sizeof(allowed), &allowed) == 0);
	for (here = CPU_SETSIZE - 1; !CPU_ISSET(here, &allowed); here--)
		;
	pin(here);
	MUST(rk_lock_create(&lock, 100) == 0);
	test();
	MUST(rk_lock_destroy(lock) == 0);
	MUST(sched_setaffinity(0, sizeof(allowed), &allowed) == 0);
	return 0;
}

static void excludes(void **state)
{
	(void)state;
	bound(one_at_a_time);
}

/* If sections work, rk_lock_here() gets the lock of this CPU. */
static void which_one(void)
{
	void *data;

	assert_int_equal(rk_lock_here(lock, &data), 0);
	assert_int_equal(rk_lock_index(lock, data), WITH_RSEQ() ? here : RK_INDEX_OVERFLOW);
	assert_int_equal(rk_lock_release(lock, data), 0);
}

static void the_one_of_this_cpu(void **state)
{
	(void)state;
	bound(which_one);
}

/* A thread that moves to another CPU still holds its locks, and is allowed to take the next one. */
static void held_wherever_it_runs(void **state)
{
	void *data[CPU_SETSIZE];
	cpu_set_t allowed;
	int taken = 0;

	(void)state;
	if (!WITH_RSEQ())
		SKIP("no rseq: there is one for all CPUs");
	assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	assert_int_equal(rk_lock_create(&lock, 8), 0);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &allowed)) {
			pin(cpu);
			assert_int_equal(rk_lock_here(lock, &data[taken]), 0);
			assert_int_equal(rk_lock_index(lock, data[taken++]), cpu);
			assert_int_equal(other_tries(HERE), -EBUSY);
		}
	while (taken > 0)
		assert_int_equal(rk_lock_release(lock, data[--taken]), 0);
	assert_int_equal(sched_setaffinity(0, sizeof(allowed), &allowed), 0);
	assert_int_equal(rk_lock_destroy(lock), 0);
}

static bool all_are(const unsigned char *bytes, size_t size, unsigned char byte)
{
	return size == 0 || (bytes[0] == byte && memcmp(bytes, bytes + 1, size - 1) == 0);
}

/*
 * Each CPU has its own data, and all bytes up to the last are usable. The data is zero at first, even if the lock's
 * memory was another lock before.
 */
static void its_own_data(size_t size)
{
	int cpu = RK_INDEX_OVERFLOW;

	assert_int_equal(rk_lock_create(&lock, size), 0);
	do {
		void *data;

		assert_int_equal(rk_lock_cpu(lock, cpu, &data), 0);
		assert_int_equal((uintptr_t)data % 64, 0);
		assert_ptr_equal(data, rk_lock_data(lock, cpu));
		assert_true(all_are(data, size, 0));
		memset(data, cpu + 2, size);
		assert_int_equal(rk_lock_release(lock, data), 0);
	} while ((cpu = rk_cpus_next(cpu)) >= 0);
	do
		assert_true(all_are(rk_lock_data(lock, cpu), size, (unsigned char)(cpu + 2)));
	while ((cpu = rk_cpus_next(cpu)) >= 0);
	assert_int_equal(rk_lock_destroy(lock), 0);
}

static void of_any_size(void **state)
{
	static const size_t sizes[] = {0, 1, 32, 33, 64, 65, 128, 129, 4096, 100000, RK_LOCK_SIZE_MAX - 1, RK_LOCK_SIZE_MAX};

	(void)state;
	for (int again = 0; again < 2; again++)
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
			its_own_data(sizes[i]);
}

/* Between rk_vfork_begin() and rk_vfork_end(), this thread has no rseq. */
static void without_rseq(void **state)
{
	void *data;

	(void)state;
	assert_int_equal(rk_lock_create(&lock, 8), 0);
	assert_int_equal(rk_vfork_begin(), 0);
	assert_int_equal(rk_lock_here(lock, &data), 0);
	assert_int_equal(rk_lock_index(lock, data), RK_INDEX_OVERFLOW);
	assert_int_equal(other_tries(FROM_ELSEWHERE_OVERFLOW), -EBUSY);
	assert_int_equal(rk_vfork_end(), 0);
	assert_int_equal(rk_lock_release(lock, data), 0);
	assert_int_equal(rk_lock_here(lock, &data), 0);
	assert_int_equal(rk_vfork_begin(), 0);
	assert_int_equal(rk_lock_release(lock, data), 0);
	assert_int_equal(rk_vfork_end(), 0);
	all_is_free();
	assert_int_equal(rk_lock_destroy(lock), 0);
}

static int never_fenced(void)
{
	void *data;

	forked = true;
	refuse(SYS_membarrier, SYS_sched_setaffinity, EPERM);
	here = sched_getcpu();
	CHECK(rk_lock_create(&lock, 8) == 0 && rk_lock_here(lock, &data) == 0);
	CHECK(rk_lock_index(lock, data) == RK_INDEX_OVERFLOW && rk_lock_release(lock, data) == 0);
	one_at_a_time();
	return rk_lock_destroy(lock);
}

static void without_any_fence(void **state)
{
	(void)state;
	if (THREAD_SANITIZED)
		SKIP("ThreadSanitizer starts no threads in a child");
	assert_int_equal(in_child(never_fenced), 0);
}

/*
 * A filter refuses every kind of fence to this thread, so the thread can't take a lock by rk_lock_cpu(), which needs a fence.
 * While it waits for a lock of its own CPU, it checks the lock again without being woken.
 */
static void *without_a_fence(void *arg)
{
	refuse(SYS_membarrier, SYS_sched_setaffinity, EPERM);
	for (int i = 0; i < 3; i++) {
		CHECK(take_once(FROM_ELSEWHERE, i * 1000000) == -EHOSTUNREACH && take_once(FROM_ELSEWHERE_OVERFLOW, 0) == 0);
		CHECK(take_once(HERE, i * 1000000) == (i > 0 ? -ETIMEDOUT : -EBUSY));
	}
	pthread_barrier_wait(arg);
	CHECK(take_once(HERE, INT64_MAX) == 0 && take_once(HERE, 0) == 0);
	return NULL;
}

static void while_held(void)
{
	pthread_barrier_t soon;
	pthread_t thread;
	void *data;

	assert_int_equal(rk_lock_here(lock, &data), 0);
	assert_int_equal(pthread_barrier_init(&soon, NULL, 2), 0);
	assert_int_equal(pthread_create(&thread, NULL, without_a_fence, &soon), 0);
	pthread_barrier_wait(&soon);
	usleep(5000);
	assert_int_equal(rk_lock_release(lock, data), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	all_is_free();
}

static void a_fence_that_fails(void **state)
{
	(void)state;
	if (!WITH_RSEQ())
		SKIP("no rseq: no fence is needed");
	bound(while_held);
}

/*
 * A negative time is an error only if the call would have to wait. A free lock is acquired, even after an aborted
 * section.
 */
static void negative_times(void)
{
	void *data, *again;

	assert_int_equal(rki_lock_here_slow(lock, -1, &data, RK_ABORTED), 0);
	assert_int_equal(rk_lock_cpu_for(lock, rk_lock_index(lock, data), -1, &again), -EINVAL);
	assert_null(again);
	assert_int_equal(rk_lock_release(lock, data), 0);
	assert_int_equal(rk_lock_cpu_for(lock, RK_INDEX_OVERFLOW, -1, &data), 0);
	assert_int_equal(rki_lock_here_slow(lock, -1, &again, RK_NO_RSEQ), -EINVAL); /* this thread holds the same slot */
	assert_null(again);
	assert_int_equal(rk_lock_release(lock, data), 0);
}

static void refuses(void **state)
{
	void *data = &data;

	(void)state;
	assert_int_equal(rk_lock_create(NULL, 0), -EINVAL);
	assert_int_equal(rk_lock_create(&lock, RK_LOCK_SIZE_MAX + 1), -EINVAL);
	assert_null(lock);
	assert_int_equal(rk_lock_create(&lock, SIZE_MAX), -EINVAL);
	assert_int_equal(rk_lock_destroy(NULL), 0);
	assert_int_equal(rk_lock_create(&lock, 8), 0);
	assert_int_equal(rk_lock_cpu(lock, -2, &data), -EINVAL);
	assert_null(data);
	assert_int_equal(rk_lock_cpu(lock, INT_MAX, &data), -EINVAL);
	assert_int_equal(rk_lock_cpu(lock, RK_CPUS_MAX, &data), -EINVAL);
	negative_times();
	assert_int_equal(rk_lock_index(lock, (char *)rk_lock_data(lock, RK_INDEX_OVERFLOW) + 7), RK_INDEX_OVERFLOW);
	assert_null(rk_lock_data(lock, -2));
	assert_null(rk_lock_data(lock, INT_MAX));
	assert_int_equal(rk_lock_release(lock, rk_lock_data(lock, 0)), -EPERM);
	assert_int_equal(rk_lock_release(lock, rk_lock_data(lock, RK_INDEX_OVERFLOW)), -EPERM);
	assert_int_equal(rk_lock_destroy(lock), 0);
	assert_int_equal(rk_lock_destroy(lock), -EINVAL);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(excludes),
	cmocka_unit_test(the_one_of_this_cpu),
	cmocka_unit_test(held_wherever_it_runs),
	cmocka_unit_test(of_any_size),
	cmocka_unit_test(without_rseq),
	cmocka_unit_test(without_any_fence),
	cmocka_unit_test(a_fence_that_fails),
	cmocka_unit_test(refuses),
};

RUN(tests)
