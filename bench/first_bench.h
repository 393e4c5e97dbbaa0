/* SPDX-License-Identifier: MIT */
/*
 * first_bench.h - the benches `first` and `second`: the costs of a process's first structure, and of its second structure of the
 * same kind.
 *
 * For each structure there are two contenders (bench.h), which are measured separately: its creation, and its first operation.
 * The contenders measure the time themselves, each time in a fresh process of first_program.c. A slice (one measured run,
 * bench.h) runs BENCH_FIRST_PROCESSES processes and takes the median. The creation's contender also gives the private memory of
 * both steps.
 */
#ifndef RK_BENCH_FIRST_H
#define RK_BENCH_FIRST_H

#include "bench.h"

#define BENCH_FIRST_PROCESSES 3

#define FIRSTS(X)                                                                                                      \
	X(counter) X(group) X(histogram) X(freelist) X(cache) X(ring) X(rcu) X(lock) X(rwlock) X(ref)

/*
 * A structure's four times (of the first and second object: creation and first use), and the memory of the first and second
 * object.
 */
#define FIRST_DECLARATION(name)                                                                                        \
	uint64_t first_create_##name(uint64_t n);                                                                      \
	uint64_t first_use_##name(uint64_t n);                                                                         \
	uint64_t second_create_##name(uint64_t n);                                                                     \
	uint64_t second_use_##name(uint64_t n);                                                                        \
	double first_memory_##name(void);                                                                              \
	double second_memory_##name(void);
FIRSTS(FIRST_DECLARATION)

/* Returns why first_program.c can't run, or NULL. */
const char *first_why(void);

#endif /* RK_BENCH_FIRST_H */
