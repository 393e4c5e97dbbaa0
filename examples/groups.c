/* SPDX-License-Identifier: MIT */
/*
 * groups.c - the counters that a server exports. They need no set-up, have names, and one read gives the counts of one moment.
 *
 * No reading shows more answers than requests, although threads count on many CPUs.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <rseqkit.h>

#define THREADS 4
#define REQUESTS 500000

enum { REQUEST, ANSWER };
RK_COUNTER_GROUP_STATIC(traffic, "requests", "answers");

static int serving = THREADS;

static void *serve(void *arg)
{
	for (int i = 0; i < REQUESTS; i++) {
		rk_counter_group_static_add(&traffic, REQUEST, 1);
		rk_counter_group_static_add(&traffic, ANSWER, 1);
	}
	__atomic_fetch_sub(&serving, 1, __ATOMIC_RELEASE);
	return arg;
}

int main(void)
{
	struct rk_counter_group *group = rk_counter_group_static_get(&traffic);
	pthread_t threads[THREADS];
	int64_t values[2];
	long readings = 0;
	int r;

	if (group == NULL)
		return 1;
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, serve, NULL) != 0)
			abort();
	while (__atomic_load_n(&serving, __ATOMIC_ACQUIRE) > 0) {
		r = rk_counter_group_read(group, values, 2);
		readings += r == 0;
		if (r == 0 && values[ANSWER] > values[REQUEST])
			return 1;
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	r = rk_counter_group_read(group, values, 2); /* even after an error, each single value is right */
	for (size_t i = 0; i < rk_counter_group_count(group); i++)
		printf("%s %lld\n", rk_counter_group_name(group, i), (long long)values[i]);
	printf("%ld readings meanwhile, last result %d\n", readings, r);
	return values[REQUEST] == THREADS * REQUESTS && values[ANSWER] == values[REQUEST] ? 0 : 1;
}
