/* SPDX-License-Identifier: MIT */
/*
 * threads.c - tests that threads begin and end as the C library promises, in every way in which a thread can begin and end.
 *
 *	threads registered | any [N]
 *
 * With `registered` every thread must be registered in its first statement, and ended threads must leave no memory. After these
 * tests N further threads begin and end.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <sys/rseq.h>
#else
#define RSEQ_SIG 0x53053053
#endif
#include <sys/syscall.h>
#include <threads.h>
#include <unistd.h>

#include "quiet.h"

static bool must_be_registered;
static atomic_int failures, detached_left, destroyed;
static pthread_key_t key;

static void check(bool condition, const char *what)
{
	if (!condition) {
		fprintf(stderr, "threads: %s\n", what);
		failures++;
	}
}

/*
 * Called in the first statement of every start routine. Checks that the thread is registered: the kernel checks for an existing
 * registration (EINVAL) before it checks the address (EFAULT).
 */
static void arrive(void)
{
	int saved = errno;

	if (must_be_registered)
		check(syscall(quiet_rseq(), -4096L, 32, 0, RSEQ_SIG) == -1 && errno == EINVAL,
		      "a start routine began unregistered");
	errno = saved;
}

static void *give_back(void *argument)
{
	arrive();
	return argument;
}

static void *leave_by_exit(void *argument)
{
	arrive();
	pthread_setspecific(key, argument);
	pthread_exit(argument);
}

static void *wait_for_cancel(void *argument)
{
	arrive();
	pthread_cleanup_push(free, malloc(16));
	for (;;)
		pause();
	pthread_cleanup_pop(1);
	return argument;
}

static void *spin_for_cancel(void *argument)
{
	arrive();
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	for (;;)
		__asm__ __volatile__("");
	return argument;
}

static void *count_detached(void *argument)
{
	arrive();
	detached_left--;
	return argument;
}

static void *nest(void *argument)
{
	uintptr_t depth = (uintptr_t)argument;
	pthread_t thread;
	void *result = NULL;

	arrive();
	if (depth == 0)
		return argument;
	check(pthread_create(&thread, NULL, nest, (void *)(depth - 1)) == 0 && pthread_join(thread, &result) == 0,
	      "nested creation");
	return (void *)((uintptr_t)result + 1);
}

static void *signals_are_blocked(void *argument)
{
	sigset_t set;

	arrive();
	pthread_sigmask(SIG_BLOCK, NULL, &set);
	return sigismember(&set, SIGUSR1) == 1 ? argument : NULL;
}

static void count_destroyed(void *value)
{
	(void)value;
	destroyed++;
}

static int c11_result(void *argument)
{
	arrive();
	return *(int *)argument;
}

static int c11_exit(void *argument)
{
	arrive();
	thrd_exit(*(int *)argument);
}

static int c11_detached(void *argument)
{
	arrive();
	detached_left--;
	return *(int *)argument;
}

/* Creates a thread and joins it. */
static void *result_of(const pthread_attr_t *attributes, void *(*routine)(void *), void *argument, bool cancel)
{
	pthread_t thread;
	void *result = NULL;
	int r;

	errno = 12345;
	r = pthread_create(&thread, attributes, routine, argument);
	check(errno == 12345, "pthread_create() changed errno");
	check(r == 0, "pthread_create() failed");
	if (r != 0)
		return NULL;
	if (cancel)
		pthread_cancel(thread);
	pthread_join(thread, &result);
	return result;
}

static void posix_threads(void)
{
	int object;
	sigset_t all, before;

	check(result_of(NULL, give_back, &object, false) == &object, "result");
	check(result_of(NULL, leave_by_exit, &object, false) == &object && destroyed == 1, "pthread_exit()");
	check(result_of(NULL, wait_for_cancel, NULL, true) == PTHREAD_CANCELED, "cancellation at once");
	check(result_of(NULL, spin_for_cancel, NULL, true) == PTHREAD_CANCELED, "asynchronous cancellation");
	check(result_of(NULL, nest, (void *)5, false) == (void *)5, "nesting");
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	check(result_of(NULL, signals_are_blocked, &object, false) == &object, "signal mask");
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void attributes_and_failure(void)
{
	int object;
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, (size_t)PTHREAD_STACK_MIN);
	check(result_of(&attributes, give_back, &object, false) == &object, "smallest stack");
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	detached_left = 100;
	for (int i = 0; i < 100; i++)
		check(pthread_create(&thread, &attributes, count_detached, NULL) == 0, "detached");
	while (detached_left > 0)
		sched_yield();
	pthread_attr_setstacksize(&attributes, SIZE_MAX / 8);
	check(pthread_create(&thread, &attributes, give_back, NULL) != 0, "a failure is passed on");
	pthread_attr_destroy(&attributes);
}

static void c11_threads(void)
{
	int sent = -7, received = 0;
	thrd_t thread;

	check(thrd_create(&thread, c11_result, &sent) == thrd_success && thrd_join(thread, &received) == thrd_success &&
		      received == sent, "thrd_create() and its result");
	check(thrd_create(&thread, c11_exit, &sent) == thrd_success && thrd_join(thread, &received) == thrd_success &&
		      received == sent, "thrd_exit()");
	detached_left = 1;
	check(thrd_create(&thread, c11_detached, &sent) == thrd_success && thrd_detach(thread) == thrd_success,
	      "thrd_detach()");
	while (detached_left > 0)
		sched_yield();
}

#ifdef __GLIBC__
/*
 * The libc doesn't register the child of an unregistered thread, so only the library can register it. Runs only if the libc
 * registers no threads. Otherwise the library wouldn't register such a child either.
 */
static void *create_unregistered(void *argument)
{
	char *area = (char *)__builtin_thread_pointer() + __rseq_offset;
	void *result;

	arrive();
	if (syscall(quiet_rseq(), area, 32, RSEQ_FLAG_UNREGISTER, RSEQ_SIG) != 0)
		return argument; /* the thread is registered on another area */
	result = result_of(NULL, give_back, argument, false);
	syscall(quiet_rseq(), area, 32, 0, RSEQ_SIG);
	return result;
}
#endif

static long memory_pages(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	long pages = 0;

	if (file == NULL || fscanf(file, "%ld", &pages) != 1)
		check(false, "/proc/self/statm");
	if (file != NULL)
		fclose(file);
	return pages;
}

/* Checks that ended threads, and threads that couldn't be created, leave no memory. */
static void no_leak(void)
{
	enum { THREADS = 2000 };
	pthread_attr_t impossible;
	pthread_t thread;
	long before;

	pthread_attr_init(&impossible);
	pthread_attr_setstacksize(&impossible, SIZE_MAX / 8);
	result_of(NULL, give_back, NULL, false);
	before = memory_pages();
	for (int i = 0; i < THREADS; i++) {
		result_of(NULL, give_back, NULL, false);
		check(pthread_create(&thread, &impossible, give_back, NULL) != 0, "a failure is passed on");
	}
	check(memory_pages() - before < 16, "threads that are gone have left memory behind");
	pthread_attr_destroy(&impossible);
}

/*
 * Creates hundreds of threads before the first of them runs. All threads run on one CPU, which their creator keeps by
 * SCHED_FIFO. If the creator isn't allowed to use SCHED_FIFO, some threads may run earlier.
 */
static void crowd(void)
{
	enum { THREADS = 300 };
	struct sched_param urgent = {.sched_priority = 1}, usual = {.sched_priority = 0};
	pthread_t thread[THREADS];
	char object[THREADS];
	cpu_set_t before, one;
	pthread_attr_t attributes;

	pthread_attr_init(&attributes);
	pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
	sched_getaffinity(0, sizeof(before), &before);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
	pthread_setschedparam(pthread_self(), SCHED_FIFO, &urgent);
	for (int i = 0; i < THREADS; i++) {
		errno = 12345;
		check(pthread_create(&thread[i], &attributes, give_back, &object[i]) == 0, "one of a crowd");
		check(errno == 12345, "pthread_create() changed errno in a crowd");
	}
	pthread_setschedparam(pthread_self(), SCHED_OTHER, &usual);
	for (int i = 0; i < THREADS; i++) {
		void *result = NULL;

		pthread_join(thread[i], &result);
		check(result == &object[i], "result of one of a crowd");
	}
	sched_setaffinity(0, sizeof(before), &before);
	pthread_attr_destroy(&attributes);
}

/* Creates `count` threads, a few hundred at a time. */
static void many(long count)
{
	enum { AT_ONCE = 200 };
	pthread_t thread[AT_ONCE];
	char object[AT_ONCE];

	for (long done = 0; done < count; done += AT_ONCE) {
		for (int i = 0; i < AT_ONCE; i++)
			check(pthread_create(&thread[i], NULL, give_back, &object[i]) == 0, "many threads");
		for (int i = 0; i < AT_ONCE; i++) {
			void *result = NULL;

			pthread_join(thread[i], &result);
			check(result == &object[i], "one of many results");
		}
	}
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	must_be_registered = strcmp(argv[1], "registered") == 0;
	pthread_key_create(&key, count_destroyed);
	arrive();
	posix_threads();
	attributes_and_failure();
	c11_threads();
	crowd();
	if (must_be_registered) {
		no_leak();
#ifdef __GLIBC__
		if (__rseq_size == 0)
			check(result_of(NULL, create_unregistered, &failures, false) == &failures,
			      "the child of an unregistered thread");
#endif
	}
	many(argc > 2 ? atol(argv[2]) : 0);
	return failures ? 1 : 0;
}
