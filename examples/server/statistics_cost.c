/* SPDX-License-Identifier: MIT */
/*
 * statistics_cost.c - measures what the statistics of one request cost, without a server.
 *
 * The program also checks whether reads are of one moment. In such a read there are at least as many requests as responses, and
 * at most one more for each thread.
 *
 *	statistics-cost-KIND THREADS REQUESTS [read]     REQUESTS by each thread; `read`: also reads, as often as possible
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "statistics.h"

#define THREADS_MAX 64
#define RECEIVED 80 /* bytes of a request, and of a response */
#define SENT 130

static pthread_barrier_t barrier;
static long threads, requests;
static int working;
static int64_t reads, torn, wrong;

static int64_t sum_of_responses(const struct statistics *statistics)
{
	int64_t sum = 0;

	for (int i = 0; i < STATUSES; i++)
		sum += statistics->counts[RESPONSES + i];
	return sum;
}

/* Counts requests and responses, and stores how many nanoseconds of CPU time the thread took. */
static void *count(void *arg)
{
	int64_t *nanoseconds = (int64_t *)arg;
	struct timespec begin, end;

	pthread_barrier_wait(&barrier);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
	for (long i = 0; i < requests; i++) {
		statistics_request(RECEIVED);
		statistics_response(i % 16 == 0 ? STATUS_404 : STATUS_200, SENT, 4096 + (uint64_t)(i % 64) * 1024);
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
	*nanoseconds = (end.tv_sec - begin.tv_sec) * INT64_C(1000000000) + end.tv_nsec - begin.tv_nsec;
	__atomic_fetch_sub(&working, 1, __ATOMIC_RELEASE);
	return NULL;
}

/*
 * Threads that take turns on one CPU would never use shared data at the same time. Each thread therefore runs on its own CPU,
 * one of the CPUs that this process may use.
 */
static void move_to_cpu(pthread_t thread, long number)
{
	cpu_set_t allowed, one;
	int cpu = -1;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return;
	for (number %= CPU_COUNT(&allowed); number >= 0; number--)
		do
			cpu++;
		while (!CPU_ISSET(cpu, &allowed));
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	(void)pthread_setaffinity_np(thread, sizeof(one), &one);
}

static void read_once(void)
{
	struct statistics statistics;
	int64_t responses, in_progress;
	bool whole;

	statistics_read(&statistics);
	responses = sum_of_responses(&statistics);
	in_progress = statistics.counts[REQUESTS] - responses;
	whole = in_progress >= 0 && in_progress <= threads && (int64_t)statistics.latency.count <= responses;
	reads++;
	torn += !whole;
	wrong += !whole && statistics.at_one_moment;
}

static bool is_complete(void)
{
	struct statistics statistics;
	int64_t all = threads * requests;

	statistics_read(&statistics);
	return statistics.counts[REQUESTS] == all && sum_of_responses(&statistics) == all &&
	       (int64_t)statistics.latency.count == all && statistics.counts[BYTES_RECEIVED] == all * RECEIVED &&
	       statistics.counts[BYTES_SENT] == all * SENT;
}

int main(int argc, char **argv)
{
	pthread_t ids[THREADS_MAX];
	int64_t nanoseconds[THREADS_MAX], sum = 0;
	bool complete;

	if (argc >= 3) {
		threads = atol(argv[1]);
		requests = atol(argv[2]);
	}
	if (threads < 1 || threads > THREADS_MAX || requests < 1 || (argc > 3 && strcmp(argv[3], "read") != 0)) {
		fprintf(stderr, "usage: %s THREADS REQUESTS [read]\n", argv[0]);
		return 2;
	}
	if (statistics_create() < 0)
		return 1;
	pthread_barrier_init(&barrier, NULL, (unsigned)threads + 1); /* all threads begin only when each was moved to its CPU */
	working = (int)threads;
	for (long i = 0; i < threads; i++) {
		if (pthread_create(&ids[i], NULL, count, &nanoseconds[i]) != 0)
			abort();
		move_to_cpu(ids[i], i);
	}
	pthread_barrier_wait(&barrier);
	while (argc > 3 && __atomic_load_n(&working, __ATOMIC_ACQUIRE) > 0)
		read_once();
	for (long i = 0; i < threads; i++) {
		pthread_join(ids[i], NULL);
		sum += nanoseconds[i];
	}
	complete = is_complete();
	printf("%s: %ld threads, %.2f ns of CPU time per request; %" PRId64 " reads, %" PRId64 " of them not of one moment%s\n",
	       statistics_kind, threads, (double)sum / (double)threads / (double)requests, reads, torn,
	       complete ? "" : "; COUNTS ARE LOST");
	statistics_destroy();
	return complete && wrong == 0 ? 0 : 1;
}
