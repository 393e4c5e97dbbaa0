/* SPDX-License-Identifier: MIT */
/*
 * Tests reader-writer locks: which threads get the lock and which don't. Readers enter in every possible way, and
 * the tests use every kind of fence.
 */
#include "rwlock_ways.h"
#include "refuse.h"

/* A function that runs in another thread, and its result. */
struct other {
	int (*does)(void);
	int result;
};

static void *do_it(void *arg)
{
	struct other *other = arg;

	other->result = other->does();
	return NULL;
}

static int elsewhere(int (*does)(void))
{
	struct other other = {does, 1};
	pthread_t thread;

	MUST(pthread_create(&thread, NULL, do_it, &other) == 0 && pthread_join(thread, NULL) == 0);
	return other.result;
}

static int write_once(void)
{
	int r = rk_rwlock_write_lock_try(lock);

	return r == 0 ? rk_rwlock_write_unlock(lock) : r;
}

static int write_soon(void)
{
	int r = rk_rwlock_write_lock_for(lock, 2000000);

	return r == 0 ? rk_rwlock_write_unlock(lock) : r;
}

static int read_once(void)
{
	struct rk_rwlock_section *section;
	int r = rk_rwlock_read_lock_try(lock, &section);

	if (r == 0)
		rk_rwlock_read_unlock(lock, section);
	else
		MUST(section == NULL);
	return r;
}

static int read_soon(void)
{
	struct rk_rwlock_section *section;
	int r = rk_rwlock_read_lock_for(lock, 2000000, &section);

	if (r == 0)
		rk_rwlock_read_unlock(lock, section);
	return r;
}

static int unlock_only(void)
{
	return rk_rwlock_write_unlock(lock);
}

static void readers_keep_writers_out(unsigned flags)
{
	MUST(rk_rwlock_create(&lock, flags) == 0);
	for (int in = 0; in < WAYS; in++)
		for (int out = 0; out < WAYS; out++) {
			struct rk_rwlock_section *one, *two;

			MUST(write_once() == 0);
			MUST(read_try((enum way)in, &one) == 0 && read_try((enum way)out, &two) == 0);
			MUST(write_once() == -EBUSY && write_soon() == -ETIMEDOUT);
			MUST(read_once() == 0); /* the read succeeds, because the writer has left */
			MUST(rk_rwlock_destroy(lock) == -EBUSY);
			read_unlock((enum way)out, one);
			MUST(write_once() == -EBUSY);
			read_unlock((enum way)in, two);
			MUST(write_once() == 0 && write_soon() == 0);
		}
	MUST(rk_rwlock_destroy(lock) == 0);
}

static void a_writer_keeps_all_out(unsigned flags)
{
	MUST(rk_rwlock_create(&lock, flags) == 0);
	for (int way = 0; way < WAYS; way++) {
		struct rk_rwlock_section *section;

		MUST(rk_rwlock_write_lock(lock) == 0);
		MUST(read_try((enum way)way, &section) == -EBUSY && section == NULL);
		MUST(rk_rwlock_read_lock(lock, &section) == -EDEADLK);
		MUST(rk_rwlock_write_lock(lock) == -EDEADLK && rk_rwlock_write_lock_try(lock) == -EBUSY);
		MUST(elsewhere(read_once) == -EBUSY && elsewhere(read_soon) == -ETIMEDOUT);
		MUST(elsewhere(write_once) == -EBUSY && elsewhere(write_soon) == -ETIMEDOUT);
		MUST(elsewhere(unlock_only) == -EPERM);
		MUST(rk_rwlock_destroy(lock) == -EBUSY);
		MUST(rk_rwlock_write_unlock(lock) == 0);
		MUST(rk_rwlock_write_unlock(lock) == -EPERM);
		MUST(read_try((enum way)way, &section) == 0);
		read_unlock((enum way)way, section);
	}
	MUST(rk_rwlock_destroy(lock) == 0);
}

static int all_of_it(void)
{
	for (unsigned flags = 0; flags <= RK_RWLOCK_WRITERS_FIRST; flags++) {
		readers_keep_writers_out(flags);
		a_writer_keeps_all_out(flags);
	}
	return 0;
}

static void excludes(void **state)
{
	(void)state;
	all_of_it();
}

/* A read section begins in one thread, and ends in another thread on another CPU. */
static struct rk_rwlock_section *handed_over;

static void *end_elsewhere(void *arg)
{
	cpu_set_t allowed, one;

	assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (CPU_ISSET(cpu, &allowed) && sched_setaffinity(0, sizeof(one), &one) == 0)
			(void)read_once();
	}
	rk_rwlock_read_unlock(lock, handed_over);
	return arg;
}

static void ended_on_another_cpu_in_another_thread(void **state)
{
	pthread_t thread;

	(void)state;
	assert_int_equal(rk_rwlock_create(&lock, 0), 0);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(rk_rwlock_read_lock(lock, &handed_over), 0);
		assert_int_equal(write_once(), -EBUSY);
		assert_int_equal(pthread_create(&thread, NULL, end_elsewhere, NULL), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_int_equal(write_once(), 0);
	}
	assert_int_equal(rk_rwlock_destroy(lock), 0);
}

/* Between rk_vfork_begin() and rk_vfork_end(), this thread has no rseq. */
static void without_rseq(void **state)
{
	struct rk_rwlock_section *section;

	(void)state;
	assert_int_equal(rk_rwlock_create(&lock, 0), 0);
	assert_int_equal(rk_vfork_begin(), 0);
	assert_int_equal(rk_rwlock_read_lock(lock, &section), 0);
	assert_int_equal(write_once(), -EBUSY);
	assert_int_equal(rk_vfork_end(), 0);
	rk_rwlock_read_unlock(lock, section);
	assert_int_equal(write_once(), 0);
	assert_int_equal(rk_rwlock_read_lock(lock, &section), 0);
	assert_int_equal(rk_vfork_begin(), 0);
	rk_rwlock_read_unlock(lock, section);
	assert_int_equal(write_once(), 0);
	assert_int_equal(rk_vfork_end(), 0);
	assert_int_equal(rk_rwlock_destroy(lock), 0);
}

static int never_fenced(void)
{
	forked = true;
	refuse(SYS_membarrier, SYS_sched_setaffinity, EPERM);
	all_of_it();
	CHECK(rk_rwlock_create(&lock, 0) == 0);
	CHECK(rk_gate_add(RKI_READERS_GATE_OF(lock), 0, 1) != RK_DONE);
	return rk_rwlock_destroy(lock);
}

static void without_any_fence(void **state)
{
	(void)state;
	if (THREAD_SANITIZED)
		SKIP("ThreadSanitizer starts no threads in a child");
	assert_int_equal(in_child(never_fenced), 0);
}

/* If a seccomp filter refuses fences to a thread, the thread can't acquire the lock as writer, but all threads can read. */
static void *write_without_a_fence(void *arg)
{
	refuse(SYS_membarrier, SYS_sched_setaffinity, EPERM);
	for (int i = 0; i < 3; i++) {
		CHECK(rk_rwlock_write_lock_try(lock) == -EHOSTUNREACH && rk_rwlock_write_lock(lock) == -EHOSTUNREACH);
		CHECK(read_once() == 0);
	}
	return arg;
}

static void a_fence_that_fails(void **state)
{
	struct rk_rwlock_section *section;
	pthread_t thread;

	(void)state;
	assert_int_equal(rk_rwlock_create(&lock, 0), 0);
	if (*RKI_READERS_GATE_OF(lock) == 0)
		SKIP("no rseq: no fence is needed");
	assert_int_equal(rk_rwlock_read_lock(lock, &section), 0);
	assert_int_equal(pthread_create(&thread, NULL, write_without_a_fence, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(write_once(), -EBUSY);
	rk_rwlock_read_unlock(lock, section);
	assert_int_equal(write_once(), 0);
	assert_int_not_equal(*RKI_READERS_GATE_OF(lock), 0);
	assert_int_equal(rk_rwlock_destroy(lock), 0);
}

static void refuses(void **state)
{
	struct rk_rwlock_section *section;

	(void)state;
	assert_int_equal(rk_rwlock_create(NULL, 0), -EINVAL);
	assert_int_equal(rk_rwlock_create(&lock, 2), -EINVAL);
	assert_null(lock);
	assert_int_equal(rk_rwlock_destroy(NULL), 0);
	assert_int_equal(rk_rwlock_create(&lock, 0), 0);
	assert_int_equal(rk_rwlock_write_unlock(lock), -EPERM);
	assert_int_equal(rk_rwlock_write_lock_for(lock, -1), 0); /* the lock is free, so the call doesn't wait */
	assert_int_equal(rk_rwlock_write_lock_for(lock, -1), -EINVAL);
	assert_int_equal(rk_rwlock_read_lock_for(lock, -1, &section), -EINVAL);
	assert_int_equal(rk_rwlock_write_unlock(lock), 0);
	assert_int_equal(rk_rwlock_read_lock_for(lock, -1, &section), 0);
	assert_int_equal(rk_rwlock_write_lock_for(lock, -1), -EINVAL);
	rk_rwlock_read_unlock(lock, section);
	assert_int_equal(rk_rwlock_destroy(lock), 0);
	assert_int_equal(rk_rwlock_destroy(lock), -EINVAL);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(excludes),
	cmocka_unit_test(ended_on_another_cpu_in_another_thread),
	cmocka_unit_test(without_rseq),
	cmocka_unit_test(without_any_fence),
	cmocka_unit_test(a_fence_that_fails),
	cmocka_unit_test(refuses),
};

RUN(tests)
