/* SPDX-License-Identifier: MIT */
/* threads.h - threads for the tests of anywhere/, on POSIX systems and on Windows; and TAP. */
#ifndef TESTS_ANYWHERE_THREADS_H
#define TESTS_ANYWHERE_THREADS_H

#include <stdio.h>
#include <stdlib.h>

struct test_call {
	void (*work)(void *);
	void *data;
};

static void test_work(void *call)
{
	struct test_call copy = *(struct test_call *)call;

	free(call);
	copy.work(copy.data);
}

static struct test_call *test_call(void (*work)(void *), void *data)
{
	struct test_call *call = (struct test_call *)malloc(sizeof(*call));

	if (call == NULL)
		abort();
	call->work = work;
	call->data = data;
	return call;
}

#ifdef _WIN32
#include <windows.h>

typedef HANDLE test_thread;

static DWORD WINAPI test_begin(void *call)
{
	test_work(call);
	return 0;
}

static test_thread test_start(void (*work)(void *), void *data)
{
	HANDLE thread = CreateThread(NULL, 0, test_begin, test_call(work, data), 0, NULL);

	if (thread == NULL)
		abort();
	return thread;
}

static void test_join(test_thread thread)
{
	WaitForSingleObject(thread, INFINITE);
	CloseHandle(thread);
}

#define test_yield() Sleep(0)
#else
#include <pthread.h>
#include <sched.h>

typedef pthread_t test_thread;

static void *test_begin(void *call)
{
	test_work(call);
	return NULL;
}

static test_thread test_start(void (*work)(void *), void *data)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, test_begin, test_call(work, data)) != 0)
		abort();
	return thread;
}

static void test_join(test_thread thread)
{
	pthread_join(thread, NULL);
}

#define test_yield() sched_yield()
#endif

static int test_number, test_failures, test_is_wrong;

/* Notes that a condition of the present test doesn't hold. */
#define CHECK(condition)                                                                                               \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			test_is_wrong = 1;                                                                             \
			printf("# line %d: %s\n", __LINE__, #condition);                                               \
		}                                                                                                      \
	} while (0)

/* Ends a test. `skip` is the reason why it couldn't run, or NULL. */
static void test_end(const char *name, const char *skip)
{
	test_failures += test_is_wrong;
	printf("%s %d - %s%s%s\n", test_is_wrong ? "not ok" : "ok", ++test_number, name,
	       skip != NULL && !test_is_wrong ? " # SKIP " : "", skip != NULL && !test_is_wrong ? skip : "");
	fflush(stdout);
	test_is_wrong = 0;
}

static int test_finish(void)
{
	printf("1..%d\n", test_number);
	return test_failures != 0;
}

#endif /* TESTS_ANYWHERE_THREADS_H */
