/* SPDX-License-Identifier: MIT */
/*
 * start_bench.h - the bench `start`: what a library adds to the time from the start of a process to its end.
 *
 * The process executes a program that does nothing, start_program.c. A slice (one measured run, bench.h) runs
 * BENCH_START_PROCESSES processes and takes the median of their times. The contenders measure the time themselves.
 */
#ifndef RK_BENCH_START_H
#define RK_BENCH_START_H

#include "bench.h"

#define BENCH_START_PROCESSES 3

/* X(contender, name of the functions) */
#define STARTS(X)                                                                                                      \
	X("rseqkit", linked)                                                                                           \
	X("rseqkit-counter", counter)                                                                                  \
	X("rseqkit-preloaded", preloaded)                                                                              \
	X("ck", ck)                                                                                                    \
	X("liburcu-bp", urcu)                                                                                          \
	X("jemalloc", jemalloc)                                                                                        \
	X("tcmalloc", tcmalloc)                                                                                        \
	X("nothing", alone)

#define START_DECLARATION(contender, name)                                                                             \
	uint64_t start_##name(uint64_t n);                                                                             \
	const char *start_why_##name(void);
STARTS(START_DECLARATION)

#endif /* RK_BENCH_START_H */
