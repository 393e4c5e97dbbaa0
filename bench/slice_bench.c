/* SPDX-License-Identifier: MIT */
/* slice_bench.c - the mutexes of the bench `mutex`, and functions that return the word that each mutex protects. */
#define _GNU_SOURCE
#include "slice_bench.h"

struct bench_mutex bench_mutex_rseqkit = {.u.ours = RK_MUTEX_INIT};
struct bench_mutex bench_mutex_pthread = {.u.posix = PTHREAD_MUTEX_INITIALIZER};
struct bench_mutex bench_mutex_adaptive = {
#ifdef PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP
	.u.posix = PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP
#else
	.u.posix = PTHREAD_MUTEX_INITIALIZER
#endif
};
__thread volatile uint64_t bench_slice_word;

uint64_t bench_sum_mutex_rseqkit(void)
{
	return bench_mutex_rseqkit.word;
}

uint64_t bench_sum_mutex_pthread(void)
{
	return bench_mutex_pthread.word;
}

uint64_t bench_sum_mutex_adaptive(void)
{
	return bench_mutex_adaptive.word;
}
