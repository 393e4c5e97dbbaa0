/* SPDX-License-Identifier: MIT */
/* first_bench.c - measures in fresh processes what a structure costs (first_bench.h, first_program.c). */
#define _GNU_SOURCE
#include "first_bench.h"

#include <stdio.h>

#include "bench_child.h"

#define PROGRAM "rseqkit-bench-first"
#define NOT_ASKED -2
#define NUMBERS 4 /* the program prints at most this many numbers */

/* Runs PROGRAM once, and reads `count` numbers from its output. Sizes of memory are negative if the memory shrank meanwhile. */
static bool ask(const char *argument, bool quiet, long long *numbers, int count)
{
	const struct bench_child child = {.program = PROGRAM, .argument = argument, .quiet = quiet};
	char text[256], *at = text;
	int length;

	if (bench_child_run(&child, text, sizeof(text)) == BENCH_FAILED)
		return false;
	for (int i = 0; i < count; i++) {
		if (sscanf(at, "%lld %n", &numbers[i], &length) != 1)
			return false;
		at += length;
	}
	return true;
}

/*
 * Starts n processes, and reads the number at index `which` from the output of each. Returns n times the median of these numbers.
 */
static uint64_t measure(uint64_t n, const char *structure, int which)
{
	uint64_t times[BENCH_FIRST_PROCESSES];

	for (uint64_t i = 0; i < n; i++) {
		long long numbers[NUMBERS];

		if (n > BENCH_FIRST_PROCESSES || !ask(structure, false, numbers, NUMBERS))
			return BENCH_FAILED;
		times[i] = (uint64_t)numbers[which];
	}
	return n * bench_child_median(times, n);
}

/*
 * Returns the KiB of a structure's memory, or -1. The memory doesn't change from process to process, so only the first call
 * starts a process. Its answer is kept in *known, which is NOT_ASKED at first.
 */
static double memory(const char *argument, int which, double *known)
{
	long long numbers[2];

	if (*known == NOT_ASKED)
		*known = ask(argument, true, numbers, 2) && numbers[which] >= 0 ? (double)numbers[which] : -1;
	return *known;
}

#define TIME(function, name, which)                                                                                    \
	uint64_t function##_##name(uint64_t n)                                                                         \
	{                                                                                                              \
		return measure(n, #name, which);                                                                       \
	}

#define MEMORY(function, name, which)                                                                                  \
	double function##_##name(void)                                                                                 \
	{                                                                                                              \
		static double known = NOT_ASKED;                                                                                \
                                                                                                                       \
		return memory("-" #name, which, &known);                                                               \
	}

#define FUNCTIONS(name)                                                                                                \
	TIME(first_create, name, 0)                                                                                    \
	TIME(first_use, name, 1)                                                                                       \
	TIME(second_create, name, 2)                                                                                   \
	TIME(second_use, name, 3)                                                                                      \
	MEMORY(first_memory, name, 0)                                                                                  \
	MEMORY(second_memory, name, 1)

FIRSTS(FUNCTIONS)

const char *first_why(void)
{
	char path[PATH_MAX];

	return bench_child_path(PROGRAM, path) ? NULL : "cannot find " PROGRAM " beside the worker. Install all of rseqkit.";
}
