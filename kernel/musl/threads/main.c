/* SPDX-License-Identifier: MIT */
/*
 * main.c - tests whether the kernel registers every thread of a program (KTLS) if only the C library knows of KTLS.
 *
 * Link it with a musl that has the patch in the parent directory. The program registers nothing. It starts threads and
 * children of each kind, and each thread checks three things:
 *
 * - The CPU number in the thread's rseq area is right, on each CPU.
 * - The thread id that the vDSO reads is the thread's own.
 * - The kernel knows the area: unregistering it with a wrong signature fails with EPERM.
 *
 * Meanwhile a supervisor counts all calls of rseq(2), by seccomp's notifications.
 *
 * If the kernel has no KTLS, __rseq_size must be 0 in every thread. The C library of each program then asks the kernel for the
 * layout once. No program is allowed to make a second call of rseq(2).
 *
 * usage: threads                  prints TAP; exit status 0 if no test failed
 *        threads stress SECONDS   creates detached threads for SECONDS seconds, without the supervisor
 *
 * TEST_DIVISOR divides the number of detached threads, for emulated machines.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "checks.h"

struct report report;
char self[] = "/proc/self/exe";
char path[4096];

static const struct {
	const char *name;
	const char *(*function)(void);
} tests[] = {
	{ "initial thread", test_this },
	{ "joined threads", test_joined },
	{ "stacks of the program", test_stack },
	{ "thread with a scheduling policy", test_scheduled },
	{ "thread of thrd_create", test_c11 },
	{ "detached threads", test_detached },
	{ "threads that are detached later", test_detached_later },
	{ "cancelled threads", test_cancelled },
	{ "timer with a thread", test_timer },
	{ "signals to new threads", test_signals },
	{ "fork, and a thread of the child", test_fork },
	{ "fork of a thread", test_fork_of_thread },
	{ "vfork", test_vfork },
	{ "vfork and exec", test_exec },
	{ "vfork and exec of a thread", test_exec_of_thread },
	{ "posix_spawn", test_spawn },
	{ "system", test_system },
	{ "popen", test_popen },
	{ "sandboxes without clone3", test_sandbox },
	{ "initial thread at the end", test_this },
};

static int run_tests(int to_supervisor)
{
	const char *found = has_ktls() ? "registered" : "not registered";

	printf("# %s, __rseq_offset %td, __rseq_size %u\n", has_ktls() ? "KTLS" : "no KTLS", __rseq_offset, __rseq_size);
	report.images = 1;
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
		const char *what = tests[i].function();

		if (what && what[0] == '#') {
			printf("ok %zu - %s %s\n", i + 1, tests[i].name, what);
			continue;
		}
		report.failed += what != NULL;
		printf("%sok %zu - %s: %s\n", what ? "not " : "", i + 1, tests[i].name, what ? what : found);
	}
	return write(to_supervisor, &report, sizeof(report)) == sizeof(report) && report.failed == 0 ? 0 : 1;
}

static int stress(long seconds)
{
	struct timespec start, now;
	long threads = 0;

	printf("1..1\n");
	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		const char *what = many_detached(1000);

		if (what) {
			printf("not ok 1 - after %ld detached threads: %s\n", threads, what);
			return 1;
		}
		threads += 1000;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec - start.tv_sec < seconds);
	printf("ok 1 - %ld detached threads: %s\n", threads, has_ktls() ? "registered" : "not registered");
	return 0;
}

int main(int argc, char **argv)
{
	ssize_t length = readlink(self, path, sizeof(path) - 1);

	path[length < 0 ? 0 : length] = '\0';
	setvbuf(stdout, NULL, _IOLBF, 0);
	look_at_kernel(argc > 1); /* the supervisor doesn't need the blob's offset */
	if (argc == 1)
		return supervised(ARRAY_SIZE(tests));
	if (strcmp(argv[1], "image") == 0)
		return wrong() != NULL || in_thread(NULL, thread) != NULL;
	if (argc > 2 && strcmp(argv[1], "tests") == 0)
		return run_tests(atoi(argv[2]));
	if (argc > 2 && strcmp(argv[1], "stress") == 0)
		return stress(atol(argv[2]));
	fprintf(stderr, "usage: threads [stress SECONDS]\n");
	return 2;
}
