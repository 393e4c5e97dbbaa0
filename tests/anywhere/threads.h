/* SPDX-License-Identifier: MIT */
/* threads.h - threads for the tests of anywhere/, on POSIX systems and on Windows; and TAP. */
#ifndef TESTS_ANYWHERE_THREADS_H
#define TESTS_ANYWHERE_THREADS_H

#include <stdio.h>
#include <stdlib.h>

#ifdef _WIN32
#include <windows.h>

typedef HANDLE test_thread;

static DWORD WINAPI test_begin(void *data)
{
	void **call = (void **)data;

	((void (*)(void *))call[0])(call[1]);
	free(call);
	return 0;
}

static test_thread test_start(void (*work)(void *), void *data)
{
	void **call = (void **)malloc(2 * sizeof(*call));

	if (call == NULL)
		abort();
	call[0] = (void *)work, call[1] = data;
	return CreateThread(NULL, 0, test_begin, call, 0, NULL);
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

struct test_call {
	void (*work)(void *);
	void *data;
};

static void *test_begin(void *data)
{
	struct test_call call = *(struct test_call *)data;

	free(data);
	call.work(call.data);
	return NULL;
}

static test_thread test_start(void (*work)(void *), void *data)
{
	struct test_call *call = (struct test_call *)malloc(sizeof(*call));
	pthread_t thread;

	if (call == NULL)
		abort();
	call->work = work, call->data = data;
	if (pthread_create(&thread, NULL, test_begin, call) != 0)
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
