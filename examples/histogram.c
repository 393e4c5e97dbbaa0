/* SPDX-License-Identifier: MIT */
/* histogram.c - measures a function: threads record the time of each call, and the program prints percentiles at the end. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <rseqkit.h>

#define THREADS 4
#define CALLS 100000

static struct rk_histogram *latency;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void *call(void *arg)
{
	for (int i = 0; i < CALLS; i++) {
		uint64_t begin = now();

		for (volatile int work = 0; work < i % 200; work++)
			;
		rk_histogram_record(latency, now() - begin);
	}
	return arg;
}

int main(void)
{
	struct rk_histogram_snapshot *s;
	pthread_t threads[THREADS];
	uint64_t count;

	/* values up to one second, with an error of at most 3 % */
	if (rk_histogram_create(&latency, 5, 1000000000) < 0 || rk_histogram_snapshot_create(&s, latency) < 0)
		return 1;
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, call, NULL) != 0)
			abort();
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	/* All threads have ended, so the counts are right even if this returns an error. */
	(void)rk_histogram_read(latency, s);
	count = s->count;
	printf("%llu calls, mean %.0f ns, median %llu, 99%% %llu, 99.9%% %llu, greatest %llu\n", (unsigned long long)count,
	       rk_histogram_mean(s), (unsigned long long)rk_histogram_percentile(s, 50),
	       (unsigned long long)rk_histogram_percentile(s, 99), (unsigned long long)rk_histogram_percentile(s, 99.9),
	       (unsigned long long)rk_histogram_max(s));
	rk_histogram_snapshot_destroy(s);
	return count == THREADS * CALLS ? rk_histogram_destroy(latency) : 1;
}
