/* SPDX-License-Identifier: MIT */
/* histogram_bench.c - the memory of the bench `histogram`, and the sums that show that no record is lost (histogram_bench.h). */
#include "histogram_bench.h"

struct rk_histogram *bench_histogram;
struct rk_counter_group *bench_group;
struct bench_histogram bench_histogram_mutex = {
	.bits = BENCH_HISTOGRAM_BITS, .highest = UINT64_MAX, .mutex = PTHREAD_MUTEX_INITIALIZER};
__thread struct bench_histogram bench_histogram_thread_local = {
	.bits = BENCH_HISTOGRAM_BITS, .highest = UINT64_MAX};

int bench_histogram_create(void)
{
	int r = rk_histogram_create(&bench_histogram, BENCH_HISTOGRAM_BITS, UINT64_MAX);

	return r == 0 ? rk_counter_group_create(&bench_group, NULL, 8) : r;
}

uint64_t bench_sum_histogram(void)
{
	struct rk_histogram_snapshot *snapshot;
	uint64_t count = 0;

	if (rk_histogram_snapshot_create(&snapshot, bench_histogram) == 0 && rk_histogram_read(bench_histogram, snapshot) == 0)
		count = snapshot->count;
	(void)rk_histogram_snapshot_destroy(snapshot);
	return count;
}

uint64_t bench_sum_histogram_mutex(void)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < BENCH_HISTOGRAM_BUCKETS; i++)
		sum += bench_histogram_mutex.counts[i];
	return sum;
}

uint64_t bench_sum_group(void)
{
	int64_t values[8] = {0};

	return rk_counter_group_read(bench_group, values, 8) == 0 ? (uint64_t)values[3] : 0;
}
