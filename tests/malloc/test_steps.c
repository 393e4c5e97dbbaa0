/* SPDX-License-Identifier: MIT */
/* test_steps.c - signal handlers allocate or fork at each instruction of calls that take the allocator's locks (interrupt.h). */
#define INSTRUCTIONS_MAX 4000
#include "interrupt.h"

#include <malloc.h>
#include <string.h>

#define LARGE 70000
#define SMALL 20000 /* for each object of this size, the cache takes the lock of its size class */
#define MANY 40

static void use(size_t size)
{
	void *object = malloc(size);

	if (object != NULL)
		memset(object, 1, size < 100 ? size : 100);
	free(object);
}

/*
 * Takes every lock of the allocator. If this thread already holds one of the locks, the thread sleeps until SIGALRM kills the
 * process.
 */
static void use_all(void)
{
	alarm(20);
	use(100);
	use(SMALL);
	use(LARGE);
	use(3000000);
	(void)mallinfo2();
	(void)malloc_trim(0);
}

static void fork_here(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		use_all();
		_exit(0);
	}
	CHECK(pid > 0 && exit_status_of(pid) == 0);
}

/* Blocks SIGCHLD. Otherwise the delivery of a SIGCHLD would end a step. */
static void prepare(void)
{
	sigset_t ends;

	CHECK(sigemptyset(&ends) == 0 && sigaddset(&ends, SIGCHLD) == 0 && sigprocmask(SIG_BLOCK, &ends, NULL) == 0);
	for (size_t size = 16; size <= 32768; size *= 2)
		use(size);
	use_all();
}

static void take_many(void)
{
	void *objects[MANY];

	for (int i = 0; i < MANY; i++)
		objects[i] = malloc(SMALL);
	for (int i = 0; i < MANY; i++)
		free(objects[i]);
}

static void take_large(void)
{
	use(LARGE);
}

/* Checks that no lock is held, in this process and in a child. */
static int judge(void)
{
	use_all();
	fork_here();
	take_many();
	return 0;
}

static void forks(void **state)
{
	static const struct interrupted with[] = {
		{prepare, fork_here, use_all, judge, false},
		{prepare, fork_here, fork_here, judge, false},
	};

	(void)state;
	interrupt_each(with, 2);
}

static void calls(void **state)
{
	static const struct interrupted with[] = {
		{prepare, take_many, use_all, judge, false},
		{prepare, take_many, fork_here, judge, false},
		{prepare, take_many, fork_this_thread, judge, false},
		{prepare, take_large, use_all, judge, false},
		{prepare, take_large, fork_here, judge, false},
		{prepare, take_large, fork_this_thread, judge, false},
	};

	(void)state;
	interrupt_each(with, 6);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(forks),
	cmocka_unit_test(calls),
};

RUN(tests)
