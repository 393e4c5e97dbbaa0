/* SPDX-License-Identifier: MIT */
/*
 * test.h - what the unit tests share: cmocka with TAP output, the world in which a test was started, and functions
 * that ask the kernel about registrations.
 *
 * A world is a way in which threads of a process get registered. One program runs in several worlds. WORLD=libc: the
 * libc registers threads. WORLD=self: glibc.pthread.rseq=0, or a libc without rseq, so this library registers threads.
 * WORLD=foreign: the libc registers its area, but this build of the library ignores that area. WORLD=kernel: the kernel
 * registers threads; rseqkit exec --ktls starts the program in a guest. WORLD=none: there is no rseq. The meson file
 * sets WORLD together with the other environment variables of that world.
 */
#ifndef RK_TEST_H
#define RK_TEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <rseqkit.h>
#include "../../src/os/thread_pointer.h"
#include "quiet.h"
#include "slowness.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

/* After this many seconds, an alarm ends a program that hangs. */
#ifndef TEST_SECONDS
#define TEST_SECONDS 240
#endif

#ifdef __SANITIZE_ADDRESS__
#define ADDRESS_SANITIZED 1
#else
#define ADDRESS_SANITIZED 0
#endif

#ifdef __SANITIZE_THREAD__
#define THREAD_SANITIZED 1
#else
#define THREAD_SANITIZED 0
#endif

/* Returns the number of rounds of a stress test: a tenth of `n` with sanitizers, and fewer on slow machines. */
static inline int64_t ROUNDS(int64_t n)
{
	return n / (SANITIZED ? 10 : 1) / SLOWNESS();
}

static inline enum rk_owner world_owner(void)
{
	const char *world = getenv("WORLD");

	if (world == NULL || strcmp(world, "libc") == 0)
		return RK_OWNER_LIBC;
	if (strcmp(world, "self") == 0)
		return RK_OWNER_SELF;
	if (strcmp(world, "kernel") == 0)
		return RK_OWNER_KERNEL;
	if (strcmp(world, "foreign") == 0)
		return RK_OWNER_FOREIGN;
	if (strcmp(world, "none") == 0)
		return RK_OWNER_NONE;
	fprintf(stderr, "WORLD=%s is not known\n", world);
	abort();
}

/* Returns true if this library can use rseq in this world. */
static inline bool world_has_rseq(void)
{
	return world_owner() == RK_OWNER_LIBC || world_owner() == RK_OWNER_SELF || world_owner() == RK_OWNER_KERNEL;
}

/* WITH_RSEQ() is true if rseq critical sections work in this build and this world. */
#define WITH_RSEQ() (world_has_rseq() && RK_HAVE_SECTIONS)

/*
 * Asks the kernel whether the calling thread is registered at this area with this length. The signature is wrong on
 * purpose, so that the call never undoes a registration.
 */
static inline bool kernel_says_registered(const volatile void *area, uint32_t length)
{
	int saved = errno;
	bool yes = syscall(quiet_rseq(), area, length, 1, 0x12345678) == -1 && errno == EPERM;

	errno = saved;
	return yes;
}

/* Asks the kernel whether the calling thread has any registration. */
static inline bool kernel_says_any(void)
{
	int saved = errno;
	bool yes = syscall(quiet_rseq(), (void *)-4096UL, 32, 0, RK_SIGNATURE) == -1 && errno == EINVAL;

	errno = saved;
	return yes;
}

static inline struct rk_process_info process_info(void)
{
	struct rk_process_info info;

	if (rk_process_query(&info, sizeof(info)) != 0)
		abort();
	return info;
}

/* Returns the calling thread's area, whether or not the area is registered. */
static inline const volatile struct rk_area *area_here(void)
{
	return rk_area_at(process_info().offset);
}

struct unregistered {
	void *(*run)(void *);
	void *arg;
};

/*
 * Undoes the registration that the new thread may have got before this function ran. Then runs the start routine that the test
 * passed to create_unregistered().
 */
static inline void *start_unregistered(void *arg)
{
	struct unregistered start = *(struct unregistered *)arg;

	free(arg);
	syscall(quiet_rseq(), area_here(), process_info().length, 1, RK_SIGNATURE);
	return start.run(start.arg);
}

/*
 * Starts an unregistered thread. A thread is often registered before its start routine. Even with
 * glibc.pthread.rseq=0, glibc registers a new thread if the thread's creator is registered. And if the areas are this
 * library's own, the library itself registers every new thread.
 */
static inline int create_unregistered(pthread_t *thread, void *(*run)(void *), void *arg)
{
	struct unregistered *start = malloc(sizeof(*start));

	if (start == NULL)
		abort();
	*start = (struct unregistered){run, arg};
	return pthread_create(thread, NULL, start_unregistered, start);
}

/* Skips a test. tests/tap puts the reason into the report. */
#define SKIP(reason)                                                                                                   \
	do {                                                                                                           \
		printf("# reason: %s\n", reason);                                                                      \
		fflush(stdout);                                                                                        \
		skip();                                                                                                \
	} while (0)

/* Each of these macros skips a test if its precondition is missing. */
#define NEEDS_VFORK()                                                                                                  \
	do {                                                                                                           \
		if (THREAD_SANITIZED)                                                                                  \
			SKIP("ThreadSanitizer turns vfork into fork");                                                 \
	} while (0)
#define NEEDS_RSEQ()                                                                                                   \
	do {                                                                                                           \
		if (!world_has_rseq())                                                                                 \
			SKIP("nothing to bracket without rseq");                                                       \
	} while (0)
#define NEEDS_UNREGISTERED_THREADS()                                                                                   \
	do {                                                                                                           \
		if (world_owner() != RK_OWNER_SELF)                                                                    \
			SKIP("this test needs a process in which this library registers the threads");                         \
	} while (0)

/* An assertion in a child process: prints the failed condition and ends the child. */
#define CHECK(condition)                                                                                               \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr, "# line %d: %s\n", __LINE__, #condition);                                      \
			_exit(1);                                                                                      \
		}                                                                                                      \
	} while (0)

/*
 * Waits for the child `pid` that fork() returned. Returns the child's exit status, or 128 + the signal that ended it.
 */
static inline int exit_status_of(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Runs `body` in a child. Returns the result of exit_status_of(). */
static inline int in_child(int (*body)(void))
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(body());
	return exit_status_of(pid);
}

static inline int in_child_with(int (*body)(int), int argument)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(body(argument));
	return exit_status_of(pid);
}

#define RUN(tests)                                                                                                     \
	int main(void)                                                                                                 \
	{                                                                                                              \
		cmocka_set_message_output(CM_OUTPUT_TAP);                                                              \
		alarm(TEST_SECONDS);                                                                                   \
		return cmocka_run_group_tests(tests, NULL, NULL);                                                      \
	}

#endif /* RK_TEST_H */
