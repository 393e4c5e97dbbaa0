/* SPDX-License-Identifier: MIT */
/*
 * Tests a reader-writer lock in a child. The child's thread is still the writer, or keeps its read sections by
 * rk_rwlock_read_keep(). If another thread was the writer at the fork, the functions that acquire the lock return 1.
 */
#include "wakes.h"

static struct rk_rwlock *lock;
static struct rk_rwlock_section *mine;

static void *write_elsewhere(void *arg)
{
	int r = rk_rwlock_write_lock_for(lock, 20000000);

	*(int *)arg = r;
	if (r >= 0)
		CHECK(rk_rwlock_write_unlock(lock) == 0);
	return NULL;
}

static void *read_elsewhere(void *arg)
{
	struct rk_rwlock_section *section;
	int r = rk_rwlock_read_lock_for(lock, 20000000, &section);

	*(int *)arg = r;
	if (r >= 0)
		rk_rwlock_read_unlock(lock, section);
	return NULL;
}

/* Runs `does` in another thread of the child, and returns its result. */
static int elsewhere(void *(*does)(void *))
{
	pthread_t thread;
	int r = 1000;

	CHECK(pthread_create(&thread, NULL, does, &r) == 0 && pthread_join(thread, NULL) == 0);
	return r;
}

static int all_is_well(void)
{
	CHECK(elsewhere(read_elsewhere) == 0 && elsewhere(write_elsewhere) == 0);
	CHECK(rk_rwlock_write_lock(lock) == 0);
	CHECK(elsewhere(read_elsewhere) == -ETIMEDOUT && elsewhere(write_elsewhere) == -ETIMEDOUT);
	CHECK(rk_rwlock_write_unlock(lock) == 0);
	CHECK(rk_rwlock_read_lock(lock, &mine) == 0);
	CHECK(elsewhere(read_elsewhere) == 0 && elsewhere(write_elsewhere) == -ETIMEDOUT);
	rk_rwlock_read_unlock(lock, mine);
	CHECK(elsewhere(write_elsewhere) == 0);
	CHECK(*RKI_READERS_GATE_OF(lock) != 0 || !RK_HAVE_SECTIONS);
	return rk_rwlock_destroy(lock);
}

static int others_are_over(void)
{
	alarm(60);
	CHECK(rk_rwlock_read_lock_for(lock, -1, &mine) == 0); /* there is no writer, so the call doesn't wait */
	CHECK(*RKI_READERS_GATE_OF(lock) != 0 || !WITH_RSEQ()); /* after the first read, readers use critical sections again */
	rk_rwlock_read_unlock(lock, mine);
	CHECK(rk_rwlock_write_lock_try(lock) == 0 && rk_rwlock_write_unlock(lock) == 0);
	return all_is_well();
}

static int mine_goes_on(void)
{
	alarm(60);
	mine = rk_rwlock_read_keep(lock, mine);
	CHECK(rk_rwlock_read_keep(lock, mine) == mine);
	CHECK(elsewhere(write_elsewhere) == -ETIMEDOUT);
	rk_rwlock_read_unlock(lock, mine);
	return all_is_well();
}

/*
 * A read section that isn't kept by rk_rwlock_read_keep() belongs to no thread of the child. If the child still ends this
 * section, the child's other sections stay counted, even after three forks in a row.
 */
static int ended_in_child(int further)
{
	struct rk_rwlock_section *section;

	alarm(60);
	CHECK(rk_rwlock_read_lock(lock, &section) == 0);
	if (further > 0)
		CHECK(in_child_with(ended_in_child, further - 1) == 0);
	rk_rwlock_read_unlock(lock, mine);
	CHECK(elsewhere(write_elsewhere) == -ETIMEDOUT);
	rk_rwlock_read_unlock(lock, section);
	return all_is_well();
}

/* Runs in the child of a thread that holds the lock as writer. */
static int still_the_writer(void)
{
	alarm(60);
	CHECK(elsewhere(read_elsewhere) == -ETIMEDOUT && elsewhere(write_elsewhere) == -ETIMEDOUT);
	CHECK(rk_rwlock_write_unlock(lock) == 0);
	return all_is_well();
}

/* Runs in a child. The lock's writer was another thread of the parent, which the child lacks. */
static int half_done(int way)
{
	struct rk_rwlock_section *section;

	alarm(60);
	if (way < 2) {
		CHECK(rki_rwlock_read_lock_slow(lock, 0, &section, way == 0 ? RK_NO_RSEQ : RK_CLOSED) == 1);
		CHECK(rk_rwlock_write_lock_try(lock) == -EBUSY && elsewhere(read_elsewhere) == 1);
		rk_rwlock_read_unlock(lock, section);
		CHECK(rk_rwlock_read_lock(lock, &section) == 1);
		rk_rwlock_read_unlock(lock, section);
	}
	CHECK(rk_rwlock_write_lock(lock) == 1);
	CHECK(elsewhere(read_elsewhere) == -ETIMEDOUT);
	CHECK(rk_rwlock_write_unlock(lock) == 0);
	return all_is_well();
}

/* Runs in a child that lacks a thread which was waiting at the fork to become the writer. */
static int nothing_done(int way)
{
	struct rk_rwlock_section *section;

	alarm(60);
	CHECK(rki_rwlock_read_lock_slow(lock, 0, &section, way == 0 ? RK_NO_RSEQ : RK_CLOSED) == 0);
	CHECK(elsewhere(write_elsewhere) == -ETIMEDOUT);
	rk_rwlock_read_unlock(lock, section);
	return all_is_well();
}

static pthread_barrier_t there, back;

static void *read_meanwhile(void *arg)
{
	struct rk_rwlock_section *section;
	int r = *(int *)arg == 0 ? rk_rwlock_read_lock(lock, &section) :
				   rki_rwlock_read_lock_slow(lock, INT64_MAX, &section, RK_NO_RSEQ);

	CHECK(r == 0);
	pthread_barrier_wait(&there);
	pthread_barrier_wait(&back);
	rk_rwlock_read_unlock(lock, section);
	return NULL;
}

static void *write_meanwhile(void *arg)
{
	CHECK(rk_rwlock_write_lock(lock) == 0);
	pthread_barrier_wait(&there);
	pthread_barrier_wait(&back);
	CHECK(rk_rwlock_write_unlock(lock) == 0);
	return arg;
}

static void *wait_to_write(void *arg)
{
	pthread_barrier_wait(&there);
	CHECK(rk_rwlock_write_lock(lock) == 0 && rk_rwlock_write_unlock(lock) == 0);
	return arg;
}

static void beside_readers(void **state)
{
	pthread_t threads[2];
	int ways[2] = {0, 1};

	(void)state;
	if (THREAD_SANITIZED)
		SKIP("ThreadSanitizer starts no threads in a child");
	assert_int_equal(rk_rwlock_create(&lock, 0), 0);
	pthread_barrier_init(&there, NULL, 3);
	pthread_barrier_init(&back, NULL, 3);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_meanwhile, &ways[i]), 0);
	pthread_barrier_wait(&there);
	assert_int_equal(in_child(others_are_over), 0);
	for (int way = 0; way < 2; way++) {
		assert_int_equal(rki_rwlock_read_lock_slow(lock, 0, &mine, way == 0 ? RK_NO_RSEQ : RK_ABORTED), 0);
		assert_int_equal(in_child(mine_goes_on), 0);
		assert_int_equal(in_child_with(ended_in_child, 2), 0);
		rk_rwlock_read_unlock(lock, mine);
	}
	pthread_barrier_wait(&back);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(in_child(others_are_over), 0);
	assert_int_equal(rk_rwlock_destroy(lock), 0);
}

static void as_writer(void **state)
{
	(void)state;
	if (THREAD_SANITIZED)
		SKIP("ThreadSanitizer starts no threads in a child");
	for (unsigned flags = 0; flags < 2; flags++) {
		assert_int_equal(rk_rwlock_create(&lock, flags), 0);
		assert_int_equal(rk_rwlock_write_lock(lock), 0);
		assert_int_equal(in_child(still_the_writer), 0);
		assert_int_equal(rk_rwlock_write_unlock(lock), 0);
		assert_int_equal(rk_rwlock_destroy(lock), 0);
	}
}

static void beside_a_writer(void **state)
{
	pthread_t thread;

	(void)state;
	if (THREAD_SANITIZED)
		SKIP("ThreadSanitizer starts no threads in a child");
	pthread_barrier_init(&there, NULL, 2);
	pthread_barrier_init(&back, NULL, 2);
	for (unsigned flags = 0; flags < 2; flags++) {
		assert_int_equal(rk_rwlock_create(&lock, flags), 0);
		assert_int_equal(pthread_create(&thread, NULL, write_meanwhile, NULL), 0);
		pthread_barrier_wait(&there);
		for (int way = 0; way < 3; way++)
			assert_int_equal(in_child_with(half_done, way), 0);
		pthread_barrier_wait(&back);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_int_equal(rk_rwlock_destroy(lock), 0);
	}
}

static void beside_a_writer_who_waits(void **state)
{
	pthread_t thread;

	(void)state;
	if (THREAD_SANITIZED)
		SKIP("ThreadSanitizer starts no threads in a child");
	pthread_barrier_init(&there, NULL, 2);
	for (unsigned flags = 0; flags < 2; flags++) {
		assert_int_equal(rk_rwlock_create(&lock, flags), 0);
		assert_int_equal(rk_rwlock_read_lock(lock, &mine), 0);
		assert_int_equal(pthread_create(&thread, NULL, wait_to_write, NULL), 0);
		pthread_barrier_wait(&there);
		wait_for_sleepers(1);
		for (int way = 0; way < 2; way++)
			assert_int_equal(in_child_with(nothing_done, way), 0);
		assert_int_equal(in_child(mine_goes_on), 0);
		rk_rwlock_read_unlock(lock, mine);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_int_equal(rk_rwlock_destroy(lock), 0);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(beside_readers),
	cmocka_unit_test(as_writer),
	cmocka_unit_test(beside_a_writer),
	cmocka_unit_test(beside_a_writer_who_waits),
};

RUN(tests)
