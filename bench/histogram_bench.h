/* SPDX-License-Identifier: MIT */
/*
 * histogram_bench.h - the bench `histogram`: the memory of its contenders (the ways to do the job, bench.h), and the operation of
 * each.
 *
 * An operation records a value in a histogram of 5 significant bits. All contenders compute the bucket in the same way, from bits
 * and a highest value that the compiler doesn't know. The recorded value is the number of turns that the loop has left, from a
 * few hundred thousand down to 1. The values are therefore of many orders of magnitude.
 */
#ifndef RK_BENCH_HISTOGRAM_H
#define RK_BENCH_HISTOGRAM_H

#include <pthread.h>

#include "bench.h"

#define BENCH_HISTOGRAM_BITS 5
#define BENCH_HISTOGRAM_BUCKETS 1920 /* (65 - 5) << 5 */

/* The data of a contender without the library. */
struct bench_histogram {
	int bits;
	uint64_t highest;
	pthread_mutex_t mutex;
	uint64_t counts[BENCH_HISTOGRAM_BUCKETS];
} __attribute__((__aligned__(128)));

extern struct rk_histogram *bench_histogram;
extern struct rk_counter_group *bench_group;
extern struct bench_histogram bench_histogram_mutex;
extern __thread struct bench_histogram bench_histogram_thread_local;

uint64_t bench_sum_histogram(void);
uint64_t bench_sum_histogram_mutex(void);
uint64_t bench_sum_group(void);

/* Creates the memory. Returns 0 or a negative errno. */
int bench_histogram_create(void);

BENCH_INLINE size_t histogram_bucket(const struct bench_histogram *h, uint64_t value)
{
	uint64_t held = value < h->highest ? value : h->highest;
	int shift = 63 - __builtin_clzll(held | (uint64_t)1 << h->bits) - h->bits;

	return ((size_t)shift << h->bits) + (held >> shift);
}

BENCH_INLINE void histogram_mutex(struct bench_histogram *h, uint64_t value)
{
	size_t bucket = histogram_bucket(h, value);

	(void)pthread_mutex_lock(&h->mutex);
	h->counts[bucket]++;
	(void)pthread_mutex_unlock(&h->mutex);
}

BENCH_INLINE void histogram_thread_local(struct bench_histogram *h, uint64_t value)
{
	uint64_t *count = &h->counts[histogram_bucket(h, value)];

	++*count;
	__asm__ __volatile__("" : "+m"(*count));
}

#endif /* RK_BENCH_HISTOGRAM_H */
