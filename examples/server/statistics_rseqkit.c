/* SPDX-License-Identifier: MIT */
/* statistics_rseqkit.c - statistics in a counter group and a histogram: each add is one restartable sequence. */
#include <rseqkit/counter.h>
#include <string.h>
#include "statistics.h"

const char statistics_kind[] = "rseqkit";
static struct rk_counter_group *counts;
static struct rk_histogram *latency;

int statistics_create(void)
{
	int r = rk_counter_group_create(&counts, NULL, STATISTICS);

	return r < 0 ? r : rk_histogram_create(&latency, LATENCY_BITS, LATENCY_HIGHEST);
}

void statistics_destroy(void)
{
	rk_histogram_destroy(latency);
	rk_counter_group_destroy(counts);
}

void statistics_add(enum statistic which, int64_t value)
{
	rk_counter_group_add(counts, which, value);
}

void statistics_request(int64_t received)
{
	rk_counter_group_add(counts, BYTES_RECEIVED, received);
	rk_counter_group_add(counts, REQUESTS, 1);
}

void statistics_response(enum status status, int64_t sent, uint64_t nanoseconds)
{
	rk_counter_group_add(counts, BYTES_SENT, sent);
	rk_counter_group_add(counts, (size_t)RESPONSES + status, 1);
	rk_histogram_record(latency, nanoseconds);
}

/* Reads the latencies. Any thread is allowed to read, so each read uses its own snapshot. */
static int read_latency(struct statistics *statistics)
{
	struct rk_histogram_snapshot *snapshot;
	int r = rk_histogram_snapshot_create(&snapshot, latency);

	statistics->latency = (struct rk_histogram_snapshot){0};
	if (r < 0)
		return r;
	r = rk_histogram_read(latency, snapshot);
	statistics->latency = *snapshot;
	statistics->latency.counts = statistics->latencies;
	memcpy(statistics->latencies, snapshot->counts, snapshot->buckets * sizeof(*snapshot->counts));
	rk_histogram_snapshot_destroy(snapshot);
	return r;
}

void statistics_read(struct statistics *statistics)
{
	/* A response's latency is recorded after its code. Latencies are read before codes, so there are never more latencies. */
	int r = read_latency(statistics);

	statistics->at_one_moment = rk_counter_group_read(counts, statistics->counts, STATISTICS) == 0 && r == 0;
}
