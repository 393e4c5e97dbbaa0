/* SPDX-License-Identifier: MIT */
/*
 * cache.c - a cache of packets. Threads take packets and put them back.
 *
 * Each CPU has an array of packets. If an array is full, a batch of packets goes to the depot, from which threads on other CPUs
 * take packets. The cache keeps no more packets than its limit. At the end all packets are freed.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <rseqkit.h>

#define THREADS 4
#define ROUNDS 2000
#define BURST 50

struct packet {
	char data[1500];
};

static struct rk_cache *cache;

/* A real program would allocate expensive things here: registered memory, a connection, a stack. */
static void *make_packet(void *context)
{
	(void)context;
	return calloc(1, sizeof(struct packet));
}

static void unmake_packet(void *context, void *packet)
{
	(void)context;
	free(packet);
}

static void *receive(void *arg)
{
	void *burst[BURST];

	for (int i = 0; i < ROUNDS; i++) {
		size_t n = rk_cache_get_batch(cache, burst, BURST);

		for (size_t k = 0; k < n; k++)
			memset(((struct packet *)burst[k])->data, i, 64);
		if (i % 2 == 0) {
			rk_cache_put_batch(cache, burst, n);
			continue;
		}
		while (n > 0)
			rk_cache_put(cache, burst[--n]);
	}
	return arg;
}

int main(void)
{
	struct rk_cache_options options = {.limit = 1000, .construct = make_packet, .destruct = unmake_packet};
	struct rk_cache_report report;
	pthread_t threads[THREADS];

	if (rk_cache_create(&cache, &options, sizeof(options)) < 0)
		return 1;
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, receive, NULL) != 0)
			abort();
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	if (rk_cache_query(cache, &report, sizeof(report)) < 0)
		return 1;
	printf("%llu packets taken, %.1f %% of them from the CPU's own array; %llu made, %llu in the cache now\n",
	       (unsigned long long)report.gets, 100.0 * (double)report.array_gets / (double)report.gets,
	       (unsigned long long)report.constructed, (unsigned long long)(report.in_arrays + report.in_depot));
	if (report.gets != (uint64_t)THREADS * ROUNDS * BURST || report.puts != report.gets)
		return 1;
	if (report.constructed - report.destructed != report.in_arrays + report.in_depot)
		return 1;
	return rk_cache_destroy(cache) == 0 ? 0 : 1;
}
