/* SPDX-License-Identifier: MIT */
/* errno where functions of the C library fail that the library calls: it is the caller's, in handlers too. */
#include "test.h"

static bool refused;

int sched_getcpu(void)
{
	unsigned cpu = 0;

	if (refused)
		errno = EPERM;
	return refused || syscall(SYS_getcpu, &cpu, NULL, NULL) != 0 ? -1 : (int)cpu;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
	if (refused)
		errno = EPERM;
	return refused ? -1 : (int)syscall(SYS_clock_gettime, clock, time);
}

static void the_cpu_of_a_thread_without_rseq(void **state)
{
	int opened = rk_vfork_begin(), cpu;

	(void)state;
	refused = true;
	errno = 0;
	cpu = rk_cpu();
	refused = false;
	assert_int_equal(errno, 0);
	assert_true(cpu >= 0);
	if (opened == 0)
		assert_int_equal(rk_vfork_end(), 0);
}

static void limits_of_time(void **state)
{
	struct rk_lock *lock;
	void *data;
	int r;

	(void)state;
	assert_int_equal(rk_lock_create(&lock, 8), 0);
	refused = true;
	errno = 0;
	r = rk_lock_cpu_for(lock, RK_INDEX_OVERFLOW, 1000, &data);
	refused = false;
	assert_int_equal(errno, 0);
	assert_int_equal(r, 0);
	assert_int_equal(rk_lock_release(data), 0);
	assert_int_equal(rk_lock_destroy(lock), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_cpu_of_a_thread_without_rseq),
	cmocka_unit_test(limits_of_time),
};

RUN(tests)
