/* SPDX-License-Identifier: MIT */
/*
 * start_bench.c - processes that start and end, with and without libraries (start_bench.h).
 *
 * librseqkit is linked with the program, or preloaded. All other libraries are preloaded, and all preloaded libraries are named
 * by their path, so the dynamic linker does the same work for each of them.
 */
#define _GNU_SOURCE
#include "start_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_child.h"

#define ALONE "rseqkit-bench-start"
#define LINKED "rseqkit-bench-start-linked"

/* A library that is preloaded. The fields below `package` are set when the library is looked for. */
struct library {
	const char *name;     /* the beginning of the library's file name */
	const char *variable; /* an environment variable that can have the library's path, or NULL */
	const char *sonames[2];
	const char *package; /* the Debian package that has the library */
	bool looked;
	char path[PATH_MAX]; /* empty if there is no such library */
	char why[128];
};

static struct library preloaded = {.name = "librseqkit.so"};
static struct library ck = {.name = "libck.so", .sonames = {"libck.so.0"}, .package = "libck0"};
static struct library urcu = {
	.name = "liburcu-bp.so", .sonames = {"liburcu-bp.so.8", "liburcu-bp.so.6"}, .package = "liburcu8"};
static struct library jemalloc = {.name = "libjemalloc",
				  .variable = "RSEQKIT_BENCH_JEMALLOC",
				  .sonames = {"libjemalloc.so.2"},
				  .package = "libjemalloc2"};
static struct library tcmalloc = {.name = "libtcmalloc",
				  .variable = "RSEQKIT_BENCH_TCMALLOC",
				  .sonames = {"libtcmalloc_minimal.so.4", "libtcmalloc.so.4"},
				  .package = "libtcmalloc-minimal4"};

/* Asks a process that preloads `preload`, or that is linked with librseqkit, for the path of the library. */
static bool ask_path(struct library *library, const char *program, const char *preload)
{
	const struct bench_child child = {
		.program = program, .argument = library->name, .preload = preload, .quiet = true};

	if (bench_child_run(&child, library->path, sizeof(library->path)) != BENCH_FAILED)
		return true;
	library->path[0] = '\0';
	return false;
}

static void look_for(struct library *library)
{
	const char *path = library->variable != NULL ? getenv(library->variable) : NULL;

	library->looked = true;
	if (library->package == NULL) {
		if (!ask_path(library, LINKED, NULL))
			snprintf(library->why, sizeof(library->why), "cannot run %s, or it has no librseqkit.so", LINKED);
		return;
	}
	if (path != NULL) {
		if (!ask_path(library, ALONE, path))
			snprintf(library->why, sizeof(library->why), "%s: %.60s can't be loaded, or isn't this library",
				 library->variable, path);
		return;
	}
	for (size_t i = 0; i < sizeof(library->sonames) / sizeof(library->sonames[0]); i++)
		if (library->sonames[i] != NULL && ask_path(library, ALONE, library->sonames[i]))
			return;
	snprintf(library->why, sizeof(library->why), "%s isn't installed (Debian's package: %s)", library->sonames[0],
		 library->package);
}

static const char *why_not(struct library *library)
{
	if (!library->looked)
		look_for(library);
	return library->path[0] == '\0' ? library->why : NULL;
}

static const char *why_not_program(const char *program)
{
	static char text[128], path[PATH_MAX];

	snprintf(text, sizeof(text), "cannot find %s beside the worker. Build or install all of rseqkit.", program);
	return bench_child_path(program, path) ? NULL : text;
}

/* Starts n processes, one after the other. Returns n times the median of their times. */
static uint64_t measure(uint64_t n, const char *program, const char *argument, const char *preload)
{
	const struct bench_child child = {.program = program, .argument = argument, .preload = preload};
	uint64_t times[BENCH_START_PROCESSES];

	for (uint64_t i = 0; i < n; i++) {
		uint64_t ns = bench_child_run(&child, NULL, 0);

		if (ns == BENCH_FAILED || n > BENCH_START_PROCESSES)
			return BENCH_FAILED;
		times[i] = ns;
	}
	return n * bench_child_median(times, n);
}

#define PROGRAM(name, program, argument)                                                                               \
	uint64_t start_##name(uint64_t n)                                                                              \
	{                                                                                                              \
		return measure(n, program, argument, NULL);                                                            \
	}                                                                                                              \
	const char *start_why_##name(void)                                                                             \
	{                                                                                                              \
		return why_not_program(program);                                                                       \
	}

#define LIBRARY(name)                                                                                                  \
	uint64_t start_##name(uint64_t n)                                                                              \
	{                                                                                                              \
		return measure(n, ALONE, NULL, name.path);                                                             \
	}                                                                                                              \
	const char *start_why_##name(void)                                                                             \
	{                                                                                                              \
		return why_not(&name);                                                                                 \
	}

PROGRAM(alone, ALONE, NULL)
PROGRAM(linked, LINKED, NULL)
PROGRAM(counter, LINKED, "counter")
LIBRARY(preloaded)
LIBRARY(ck)
LIBRARY(urcu)
LIBRARY(jemalloc)
LIBRARY(tcmalloc)
