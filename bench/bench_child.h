/* SPDX-License-Identifier: MIT */
/*
 * bench_child.h - starts the programs of the benches whose operation needs a fresh process, and waits until they end.
 *
 * The programs are in the folder of the worker's executable. The worker is the process that runs the loops of the benches
 * (bench.h). A fresh process is one that executed a program: a child of fork alone has its parent's pages and its parent's
 * dynamic linking.
 */
#ifndef RK_BENCH_CHILD_H
#define RK_BENCH_CHILD_H

#include <limits.h>

#include "bench.h"

struct bench_child {
	const char *program;  /* the program's name, without its folder */
	const char *argument; /* the program's only argument, or NULL */
	const char *preload;  /* a library for LD_PRELOAD, or NULL */
	bool quiet;	      /* the program's stderr is discarded */
};

/*
 * Runs the program. If `output` isn't NULL, stores what the program writes to standard output in output[size], with a null
 * character at the end. Returns the nanoseconds from the start until the program has ended. Returns BENCH_FAILED if the program
 * couldn't be started, or didn't exit with status 0.
 */
uint64_t bench_child_run(const struct bench_child *child, char *output, size_t size);

/* Stores the path of a program in path[PATH_MAX]. Returns false if there is no such program. */
bool bench_child_path(const char *program, char *path);

/* Sorts the values, and returns the median. */
uint64_t bench_child_median(uint64_t *values, size_t count);

#endif /* RK_BENCH_CHILD_H */
