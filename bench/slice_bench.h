/* SPDX-License-Identifier: MIT */
/*
 * slice_bench.h - the benches `slice` and `mutex`.
 *
 * `slice`: a thread adds 1 to its own word, inside a region that requests a longer time slice (rseqkit/slice.h). `mutex`: a
 * thread adds 1 to a word under a mutex that all threads share. Invariant: no addition is lost.
 */
#ifndef RK_BENCH_SLICE_H
#define RK_BENCH_SLICE_H

#include "bench.h"

#include <pthread.h>
#include <rseqkit/mutex.h>

/* The mutex and its word are alone in their cache lines. */
struct bench_mutex {
	union {
		struct rk_mutex ours;
		pthread_mutex_t posix;
	} u;
	uint64_t word;
} __attribute__((__aligned__(128)));

extern struct bench_mutex bench_mutex_rseqkit, bench_mutex_pthread, bench_mutex_adaptive;
extern __thread volatile uint64_t bench_slice_word;

uint64_t bench_sum_mutex_rseqkit(void);
uint64_t bench_sum_mutex_pthread(void);
uint64_t bench_sum_mutex_adaptive(void);

BENCH_INLINE void mutex_rseqkit(struct bench_mutex *mutex)
{
	(void)rk_mutex_lock(&mutex->u.ours);
	mutex->word++;
	(void)rk_mutex_unlock(&mutex->u.ours);
}

BENCH_INLINE void mutex_pthread(struct bench_mutex *mutex)
{
	(void)pthread_mutex_lock(&mutex->u.posix);
	mutex->word++;
	(void)pthread_mutex_unlock(&mutex->u.posix);
}

#endif /* RK_BENCH_SLICE_H */
