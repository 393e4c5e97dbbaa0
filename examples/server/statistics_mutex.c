/* SPDX-License-Identifier: MIT */
/* statistics_mutex.c - statistics in words under one mutex. Each event locks the mutex once. */
#include <pthread.h>
#include <string.h>
#include "latency.h"

const char statistics_kind[] = "mutex";
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int64_t counts[STATISTICS];
static uint64_t latencies[LATENCY_COUNTS];

int statistics_create(void)
{
	return 0;
}

void statistics_destroy(void)
{
}

void statistics_add(enum statistic which, int64_t value)
{
	pthread_mutex_lock(&mutex);
	counts[which] += value;
	pthread_mutex_unlock(&mutex);
}

void statistics_request(int64_t received)
{
	pthread_mutex_lock(&mutex);
	counts[BYTES_RECEIVED] += received;
	counts[REQUESTS]++;
	pthread_mutex_unlock(&mutex);
}

void statistics_response(enum status status, int64_t sent, uint64_t nanoseconds)
{
	size_t bucket = latency_bucket(nanoseconds);

	pthread_mutex_lock(&mutex);
	counts[BYTES_SENT] += sent;
	counts[RESPONSES + (int)status]++;
	latencies[bucket]++;
	pthread_mutex_unlock(&mutex);
}

void statistics_read(struct statistics *statistics)
{
	pthread_mutex_lock(&mutex);
	memcpy(statistics->counts, counts, sizeof(counts));
	memcpy(statistics->latencies, latencies, sizeof(latencies));
	pthread_mutex_unlock(&mutex);
	statistics->at_one_moment = true;
	latency_conclude(statistics);
}
