/* SPDX-License-Identifier: MIT */
/* statistics_atomic.c - statistics in words that all threads add to atomically. A read isn't of one moment. */
#include "latency.h"

const char statistics_kind[] = "atomic";
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
	__atomic_fetch_add(&counts[which], value, __ATOMIC_RELAXED);
}

void statistics_request(int64_t received)
{
	statistics_add(BYTES_RECEIVED, received);
	statistics_add(REQUESTS, 1);
}

void statistics_response(enum status status, int64_t sent, uint64_t nanoseconds)
{
	statistics_add(BYTES_SENT, sent);
	statistics_add((enum statistic)(RESPONSES + (int)status), 1);
	__atomic_fetch_add(&latencies[latency_bucket(nanoseconds)], 1, __ATOMIC_RELAXED);
}

void statistics_read(struct statistics *statistics)
{
	for (int i = 0; i < LATENCY_COUNTS; i++)
		statistics->latencies[i] = __atomic_load_n(&latencies[i], __ATOMIC_RELAXED);
	for (int i = 0; i < STATISTICS; i++)
		statistics->counts[i] = __atomic_load_n(&counts[i], __ATOMIC_RELAXED);
	statistics->at_one_moment = false;
	latency_conclude(statistics);
}
