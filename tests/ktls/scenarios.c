/* SPDX-License-Identifier: MIT */
/*
 * scenarios.c - tests whether every thread is registered from its beginning, however it was created.
 *
 *	scenarios MODE            MODE is stock, emulated, flag or auto (modes.c)
 *	scenarios MODE report FD  only the initial thread: writes its faults to FD
 *
 * A thread is right if three conditions hold:
 *
 * - The kernel confirms that the thread is registered, at the same offset as all threads of the process.
 * - The thread's area has the number of its CPU, on each CPU that the thread moves to.
 * - Each component that keeps the thread id has the same id as gettid().
 *
 * The table below says for each mode which scenarios must be right. A result that differs from the table is a failure.
 *
 * Prints TAP, a line per scenario, which tests/ktls/table reads:
 *
 *	ok N - SCENARIO | yes|no | REASON
 *	ok N - SCENARIO | skipped | REASON # SKIP REASON     this machine doesn't allow it
 *	# n/a - SCENARIO | n/a | REASON                      this mode has no such thing
 */
#define _GNU_SOURCE
#include "modes.h"
#include "ways.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TEST_SECONDS 600 /* on an emulated machine, threads take a hundred times as long */

struct outcome *outcome;

/* The expected results. YES: the thread is right. NO: the thread isn't registered. Others: the scenario is impossible. */
enum expected { NO, YES, NOT_PASSED, NO_ROOM, NO_MASK };

static const char *const impossible[] = {
	[NOT_PASSED] = "the C library doesn't pass the flag",
	[NO_ROOM] = "clone has no room for the flag",
	[NO_MASK] = "the C library can't start a thread with signals unblocked",
};

#ifdef __GLIBC__
#define LIBC_NAME "glibc"
#define IS_GLIBC 1
#else
#define LIBC_NAME "musl"
#define IS_GLIBC 0
#endif

/* Expected results are in the order of enum mode. musl registers no threads itself, and has no mode auto. */
static const struct scenario {
	const char *name;
	int (*run)(void);
	enum expected glibc[MODES], musl[MODES];
} scenarios[] = {
	{"the initial thread", way_initial, {YES, YES, YES, YES}, {NO, YES, YES}},
	{"pthread_create", way_pthread, {YES, YES, NOT_PASSED, YES}, {NO, YES, NOT_PASSED}},
	{"thrd_create", way_c11, {YES, YES, NOT_PASSED, YES}, {NO, YES, NOT_PASSED}},
	{"raw clone3", way_clone3, {NO, NO, YES, YES}, {NO, NO, YES}},
	{"raw clone", way_clone, {NO, NO, NO_ROOM, YES}, {NO, NO, NO_ROOM}},
	{"fork", way_fork, {YES, YES, YES, YES}, {NO, YES, YES}},
	{"fork in another thread", way_fork_in_thread, {YES, YES, NOT_PASSED, YES}, {NO, YES, NOT_PASSED}},
	{"vfork", way_vfork, {NO, NO, YES, YES}, {NO, NO, YES}},
	{"vfork in another thread", way_vfork_in_thread, {NO, NO, NOT_PASSED, YES}, {NO, NO, NOT_PASSED}},
	{"vfork in a vfork child", way_nested_vfork, {NO, NO, NO, NO}, {NO, NO, NO}},
	{"posix_spawn", way_spawn, {YES, YES, YES, YES}, {NO, YES, YES}},
	{"exec", way_exec, {YES, YES, YES, YES}, {NO, YES, YES}},
	{"exec in another thread", way_exec_in_thread, {YES, YES, YES, YES}, {NO, YES, YES}},
	{"a timer's thread", way_timer, {YES, NO, NOT_PASSED, YES}, {NO, YES, NOT_PASSED}},
	{"a new PID namespace", way_namespace, {YES, YES, YES, YES}, {NO, YES, YES}},
	{"a signal at the first instruction", way_signal, {NO, NO, YES, YES}, {NO, NO, YES}},
	{"a signal before the start routine",
	 way_signal_pthread,
	 {YES, NO, NOT_PASSED, YES},
	 {NO_MASK, NO_MASK, NO_MASK}},
	{"10,000 short threads", way_many, {YES, YES, YES, YES}, {NO, YES, YES}},
	{"clone on its creator's thread pointer", way_borrowed, {NO, NO, NO, NO}, {NO, NO, NO}},
};
#define SCENARIOS (int)(sizeof(scenarios) / sizeof(scenarios[0]))

/* Writes the outcome's faults to `text`, as words. */
static void explain(char *text, size_t size)
{
	static const struct {
		int bit;
		const char *words;
	} words[] = {
		{NOT_REGISTERED, "not registered"},
		{ELSEWHERE, "registered elsewhere"},
		{WRONG_CPU, "the CPU is wrong"},
		{WRONG_TID, "the thread id is wrong"},
		{ENDED, "not all ran to their end"},
		{PARENT, "the parent isn't as it was"},
		{BETWEEN, "the vfork child in between isn't as others are"},
		{MISSED, "no signal came at the first instruction"},
	};
	const char *separator = "";
	FILE *to = fmemopen(text, size, "w");

	if (to == NULL)
		abort();
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if ((outcome->faults & words[i].bit) == 0)
			continue;
		fprintf(to, "%s%s", separator, words[i].words);
		separator = ", ";
	}
	if ((outcome->faults & NOT_REGISTERED) && outcome->operation < 0)
		fprintf(to, "; its first operation is refused: %s", strerror(-outcome->operation));
	else if ((outcome->faults & NOT_REGISTERED) && outcome->operation == 0)
		fprintf(to, "; its %s",
			outcome->helped ? "first operation registers it" : "thread data reads as if it were");
	fclose(to);
}

static bool judge_scenario(int number, const struct scenario *scenario)
{
	enum expected expected = IS_GLIBC ? scenario->glibc[mode] : scenario->musl[mode];
	char reason[256] = "";
	int judged;
	bool yes, ok;

	if (expected != YES && expected != NO) {
		printf("# n/a - %s | n/a | %s\n", scenario->name, impossible[expected]);
		return true;
	}
	memset((void *)outcome, 0, sizeof(*outcome));
	outcome->operation = 1;
	judged = scenario->run();
	if (outcome->skip != NULL) {
		printf("ok %d - %s | skipped | %s # SKIP %s\n", number, scenario->name, outcome->skip, outcome->skip);
		return true;
	}
	if (outcome->judged != judged)
		outcome->faults |= ENDED;
	yes = outcome->faults == 0;
	/* If no component registers the thread, the expected fault is NOT_REGISTERED alone. */
	ok = yes ? expected == YES : expected == NO && outcome->faults == NOT_REGISTERED;
	explain(reason, sizeof(reason));
	printf("%sok %d - %s | %s | %s\n", ok ? "" : "not ", number, scenario->name, yes ? "yes" : "no", reason);
	if (!ok)
		printf("# expected: %s; judged %d of %d\n", expected == YES ? "yes" : "no, not registered",
		       outcome->judged, judged);
	return ok;
}

int main(int argc, char **argv)
{
	int number = 0, failures = 0;
	bool broken;
	const char *why;

	if (argc < 2)
		return 2;
	why = mode_set_up(argv[1], &broken);
	if (argc == 4 && strcmp(argv[2], "report") == 0) {
		if (why == NULL)
			report_to(atoi(argv[3]));
		return why == NULL ? 0 : 1;
	}
	if (why != NULL) {
		printf(broken ? "Bail out! %s\n" : "1..0 # SKIP %s\n", why);
		return broken ? 1 : 0;
	}
	outcome = mmap(NULL, sizeof(*outcome), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (outcome == MAP_FAILED)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	alarm(TEST_SECONDS);
	printf("# %s, %s\n", LIBC_NAME, mode_names[mode]);
	for (int i = 0; i < SCENARIOS; i++) {
		bool possible = (IS_GLIBC ? scenarios[i].glibc : scenarios[i].musl)[mode] <= YES;

		number += possible;
		failures += !judge_scenario(number, &scenarios[i]);
	}
	printf("1..%d\n", number);
	return failures > 0 ? 1 : 0;
}
