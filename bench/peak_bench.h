/* SPDX-License-Identifier: MIT */
/*
 * peak_bench.h - the benches of peaks and levels: the memory of their contenders (the ways to do the job, bench.h), and the
 * operation of each.
 *
 * In `peak` a thread records the number of turns that its loop has left. Only the first record of a loop is a new maximum. In
 * `peak-rising` a thread records 1, 2, 3 and so on, so each record is a new maximum of the thread. The worker compares the
 * maximum after a slice (one measured run, bench.h) with the highest value that a thread announced before its loop.
 *
 * In `level` a turn adds 1 to a value and subtracts 1. In `level-rising` it adds 1, so each add is a new peak. The worker checks
 * the value and its peak after each slice.
 */
#ifndef RK_BENCH_PEAK_H
#define RK_BENCH_PEAK_H

#include <pthread.h>

#include "bench.h"

/* A maximum, or a value and its peak, of a contender without the library. */
struct bench_level {
	int64_t value, peak;
	pthread_mutex_t mutex;
} __attribute__((__aligned__(128)));

extern struct rk_peak *bench_peak;
extern struct rk_level *bench_level, *bench_level_exact;
extern struct bench_level bench_peak_shared, bench_peak_always, bench_peak_mutex;
extern struct bench_level bench_level_shared, bench_level_mutex;
extern __thread struct bench_level bench_level_thread_local;

int bench_peak_create(void);

/* Announces that the calling thread will record the numbers up to `highest`. */
void bench_peak_announce(int64_t highest);

/* Announces that the calling thread will record the next n numbers. Returns the last number that it recorded before. */
int64_t bench_peak_rise(uint64_t n);

bool bench_settle_peak(void);
bool bench_settle_peak_shared(void);
bool bench_settle_peak_always(void);
bool bench_settle_peak_mutex(void);
bool bench_settle_peak_thread_local(void);

uint64_t bench_sum_level(void);
uint64_t bench_sum_level_exact(void);
uint64_t bench_sum_level_shared(void);
uint64_t bench_sum_level_mutex(void);

bool bench_settle_level(void);
bool bench_settle_level_exact(void);
bool bench_settle_level_shared(void);
bool bench_settle_level_mutex(void);

/* Raises a word that threads share, if the value is higher. */
BENCH_INLINE void peak_raise(int64_t *word, int64_t value)
{
	int64_t old = __atomic_load_n(word, __ATOMIC_RELAXED);

	while (old < value && !__atomic_compare_exchange_n(word, &old, value, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

/* Like peak_raise(), but writes always. */
BENCH_INLINE void peak_raise_always(int64_t *word, int64_t value)
{
	int64_t old = __atomic_load_n(word, __ATOMIC_RELAXED), higher;

	do
		higher = old > value ? old : value;
	while (!__atomic_compare_exchange_n(word, &old, higher, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}

BENCH_INLINE void peak_mutex(struct bench_level *level, int64_t value)
{
	(void)pthread_mutex_lock(&level->mutex);
	if (level->peak < value)
		level->peak = value;
	(void)pthread_mutex_unlock(&level->mutex);
}

BENCH_INLINE void peak_thread_local(struct bench_level *level, int64_t value)
{
	if (__atomic_load_n(&level->peak, __ATOMIC_RELAXED) < value)
		__atomic_store_n(&level->peak, value, __ATOMIC_RELAXED);
}

BENCH_INLINE void level_shared(struct bench_level *level, int64_t change)
{
	int64_t now = __atomic_add_fetch(&level->value, change, __ATOMIC_RELAXED);

	if (change > 0)
		peak_raise(&level->peak, now);
}

BENCH_INLINE void level_mutex(struct bench_level *level, int64_t change)
{
	(void)pthread_mutex_lock(&level->mutex);
	level->value += change;
	if (level->peak < level->value)
		level->peak = level->value;
	(void)pthread_mutex_unlock(&level->mutex);
}

BENCH_INLINE void level_thread_local(struct bench_level *level, int64_t change)
{
	int64_t now = __atomic_load_n(&level->value, __ATOMIC_RELAXED) + change;

	__atomic_store_n(&level->value, now, __ATOMIC_RELAXED);
	if (change > 0)
		peak_thread_local(level, now);
}

#endif /* RK_BENCH_PEAK_H */
