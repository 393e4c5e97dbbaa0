/* SPDX-License-Identifier: MIT */
/* test_forks.c - tests the allocator while a fork waits for locks: a lock of the program, or a lock of the C library. */
#include "test.h"
#include <malloc.h>
#include <stdio.h>

static pthread_mutex_t programs = PTHREAD_MUTEX_INITIALIZER;
static bool stop;

static void lock_programs(void)
{
	pthread_mutex_lock(&programs);
}

static void unlock_programs(void)
{
	pthread_mutex_unlock(&programs);
}

/* Runs before this program's first allocation, but after the allocator has registered its fork handlers. */
__attribute__((__constructor__)) static void register_programs(void)
{
	(void)pthread_atfork(lock_programs, unlock_programs, unlock_programs);
}

static void *allocate_with_lock(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		void *objects[50];

		lock_programs();
		for (int i = 0; i < 50; i++)
			objects[i] = malloc(30000);
		for (int i = 0; i < 50; i++)
			free(objects[i]);
		unlock_programs();
	}
	return arg;
}

static int do_nothing(void)
{
	return 0;
}

/* The program's fork handler waits for a lock. The thread that holds this lock allocates memory before it releases the lock. */
static void forks_wait_for_the_programs_locks(void **state)
{
	pthread_t thread;

	(void)state;
	stop = false;
	assert_int_equal(pthread_create(&thread, NULL, allocate_with_lock, NULL), 0);
	for (int i = 0; i < ROUNDS(500); i++)
		assert_int_equal(in_child(do_nothing), 0);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}

static bool is_writing, is_forking;

/* Runs while fflush() holds the libc's lock of its list of files. A fork takes this lock after the fork handlers have run. */
static ssize_t write_at_fork(void *cookie, const char *text, size_t length)
{
	static const size_t sizes[] = {24, 100, 5000, 40000, 100000, 5000000};
	char *objects[6], *grown = malloc(50000);

	(void)cookie;
	(void)text;
	__atomic_store_n(&is_writing, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&is_forking, __ATOMIC_ACQUIRE))
		usleep(1000);
	usleep(50000);
	for (int i = 0; i < 6; i++) {
		objects[i] = i % 2 == 0 ? malloc(sizes[i]) : calloc(1, sizes[i]);
		CHECK(objects[i] != NULL && (i % 2 == 0 || objects[i][sizes[i] - 1] == 0));
		memset(objects[i], i, sizes[i]);
	}
	grown[49999] = 7;
	grown = realloc(grown, 200000);
	CHECK(grown != NULL && grown[49999] == 7);
	for (int i = 0; i < 6; i++) {
		CHECK(objects[i][sizes[i] - 1] == i);
		free(objects[i]);
	}
	free(grown);
	return (ssize_t)length;
}

static void *write_files(void *arg)
{
	FILE *file = fopencookie(NULL, "w", (cookie_io_functions_t){.write = write_at_fork});

	CHECK(file != NULL && fputs("text", file) >= 0 && fflush(NULL) == 0 && fclose(file) == 0);
	return arg;
}

static int allocate_in_child(void)
{
	for (size_t size = 16; size < 10000000; size *= 2) {
		char *object = malloc(size);

		if (object == NULL)
			return 1;
		object[size - 1] = 1;
		free(object);
	}
	return 0;
}

static void say_that_it_forks(void)
{
	__atomic_store_n(&is_forking, __atomic_load_n(&is_writing, __ATOMIC_RELAXED), __ATOMIC_RELEASE);
}

/* A fork also waits for locks of the libc. A thread may hold such a lock for a long time, and allocate meanwhile. */
static void forks_wait_for_the_libcs_locks(void **state)
{
	size_t before = mallinfo2().hblkhd;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_atfork(say_that_it_forks, NULL, NULL), 0);
	for (int i = 0; i < 3; i++) {
		is_writing = is_forking = false;
		assert_int_equal(pthread_create(&thread, NULL, write_files, NULL), 0);
		while (!__atomic_load_n(&is_writing, __ATOMIC_ACQUIRE))
			usleep(1000);
		assert_int_equal(in_child(allocate_in_child), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
	}
	(void)malloc_trim(0);
	free(malloc(1000000)); /* lets the allocator free the objects that it had put aside */
	assert_int_equal(mallinfo2().hblkhd, before);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(forks_wait_for_the_programs_locks),
	cmocka_unit_test(forks_wait_for_the_libcs_locks),
};

RUN(tests)
