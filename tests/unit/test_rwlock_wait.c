/* SPDX-License-Identifier: MIT */
/*
 * Tests reader-writer locks that prefer readers or writers: which threads wait for which, and which threads are woken.
 */
#include "rwlock_ways.h"
#include "wakes.h"

/* A thread that waits as a writer: its result, and whether it has got the lock. */
static int writer_result, written;

static void *write_when_it_can(void *arg)
{
	(void)arg;
	writer_result = rk_rwlock_write_lock(lock);
	__atomic_store_n(&written, 1, __ATOMIC_RELEASE);
	if (writer_result == 0)
		writer_result = rk_rwlock_write_unlock(lock);
	return NULL;
}

static pthread_t start_writer(void)
{
	pthread_t thread;

	written = 0;
	assert_int_equal(pthread_create(&thread, NULL, write_when_it_can, NULL), 0);
	/* By now the writer must be waiting. The next try fails, because a reader is inside the lock. */
	wait_for_sleepers(1);
	assert_int_equal(rk_rwlock_write_lock_try(lock), -EBUSY);
	assert_int_equal(__atomic_load_n(&written, __ATOMIC_ACQUIRE), 0);
	return thread;
}

static void join_writer(pthread_t thread)
{
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(writer_result, 0);
}

/* While a writer waits, a reader is allowed to begin another read section. */
static void readers_first(void **state)
{
	struct rk_rwlock_section *outer, *inner;
	pthread_t writer;

	(void)state;
	assert_int_equal(rk_rwlock_create(&lock, 0), 0);
	for (int way = 0; way < WAYS; way++) {
		assert_int_equal(rk_rwlock_read_lock(lock, &outer), 0);
		writer = start_writer();
		assert_int_equal(read_try((enum way)way, &inner), 0);
		read_unlock((enum way)way, inner);
		assert_int_equal(rk_rwlock_read_lock(lock, &inner), 0);
		rk_rwlock_read_unlock(lock, outer);
		usleep(1000);
		assert_int_equal(__atomic_load_n(&written, __ATOMIC_ACQUIRE), 0);
		rk_rwlock_read_unlock(lock, inner);
		join_writer(writer);
	}
	assert_int_equal(rk_rwlock_destroy(lock), 0);
}

static void writers_first(void **state)
{
	struct rk_rwlock_section *outer, *inner;
	pthread_t writer;

	(void)state;
	assert_int_equal(rk_rwlock_create(&lock, RK_RWLOCK_WRITERS_FIRST), 0);
	for (int way = 0; way < WAYS; way++) {
		assert_int_equal(rk_rwlock_read_lock(lock, &outer), 0);
		writer = start_writer();
		for (int i = 0; i < 10000 && read_try((enum way)way, &inner) == 0; i++) { /* ends when the writer waits */
			read_unlock((enum way)way, inner);
			usleep(1000);
		}
		assert_int_equal(read_try((enum way)way, &inner), -EBUSY);
		assert_int_equal(rk_rwlock_read_lock_for(lock, 1000000, &inner), -ETIMEDOUT);
		rk_rwlock_read_unlock(lock, outer);
		assert_int_equal(rk_rwlock_read_lock(lock, &inner), 0);
		assert_int_equal(__atomic_load_n(&written, __ATOMIC_ACQUIRE), 1);
		rk_rwlock_read_unlock(lock, inner);
		join_writer(writer);
	}
	assert_int_equal(rk_rwlock_destroy(lock), 0);
}

static void *give_back_later(void *arg)
{
	wait_for_sleepers(1);
	rk_rwlock_read_unlock(lock, arg);
	return NULL;
}

static int read_when_it_can(void)
{
	struct rk_rwlock_section *section;
	int r = rk_rwlock_read_lock(lock, &section);

	if (r == 0)
		rk_rwlock_read_unlock(lock, section);
	return r;
}

static void *read_in_thread(void *arg)
{
	*(int *)arg = read_when_it_can();
	return NULL;
}

#define TURNS 20
#define TURNS_MAX 1000 /* the loop ends after TURNS turns if threads have slept, and otherwise after TURNS_MAX turns */

/* Some threads get the lock without having slept. No thread sleeps while the lock is free. */
static void woken_when_it_is_free(void **state)
{
	struct rk_rwlock_section *section;
	int result, before = 0, writers = 0, readers = 0, turns = 0;
	pthread_t thread;

	(void)state;
	assert_int_equal(rk_rwlock_create(&lock, 0), 0);
	(void)woken_since(&before);
	overslept = 0;
	patiently = true;
	for (; turns < TURNS || ((writers == 0 || readers == 0) && turns < TURNS_MAX); turns++) {
		assert_int_equal(rk_rwlock_read_lock(lock, &section), 0);
		assert_int_equal(pthread_create(&thread, NULL, give_back_later, section), 0);
		assert_int_equal(rk_rwlock_write_lock(lock), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
		writers += woken_since(&before);
		assert_int_equal(pthread_create(&thread, NULL, read_in_thread, &result), 0);
		wait_for_sleepers(1);
		assert_int_equal(rk_rwlock_write_unlock(lock), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_int_equal(result, 0);
		readers += woken_since(&before);
		assert_int_equal(overslept, 0);
	}
	patiently = false;
	printf("# woken in %d turns: %d writers, %d readers\n", turns, writers, readers);
	assert_true(writers > 0 && readers > 0);
	assert_int_equal(rk_rwlock_destroy(lock), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(readers_first),
	cmocka_unit_test(writers_first),
	cmocka_unit_test(woken_when_it_is_free),
};

RUN(tests)
