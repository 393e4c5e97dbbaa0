/* SPDX-License-Identifier: MIT */
/*
 * statistics.h - what the server counts. One interface, and three files that implement it: a counter group and a histogram of
 * librseqkit (statistics_rseqkit.c), atomics (statistics_atomic.c), a mutex (statistics_mutex.c). A program is linked with one.
 *
 * What is counted comes in an order: a connection is accepted before it is closed, a request is there before its response, a
 * response has its code before its latency. Read at one moment, the counts keep to it: as many responses as requests or
 * fewer, by those that are in progress then.
 */
#ifndef SERVER_STATISTICS_H
#define SERVER_STATISTICS_H

#include <rseqkit/histogram.h>
#include <stdbool.h>
#include <stdint.h>
#include "status.h"

enum statistic {
	CONNECTIONS_ACCEPTED,
	CONNECTIONS_REFUSED, /* with 503, at the limit of connections; they aren't accepted ones */
	ACCEPT_PAUSES,       /* there were no files for more connections */
	CLOSED_BY_CLIENT,
	CLOSED_BY_SERVER,
	CLOSED_LATE,   /* by the time limit */
	CLOSED_BROKEN, /* by an error of the connection */
	BYTES_RECEIVED,
	BYTES_SENT,
	REQUESTS,         /* to be answered: whole ones, and wrong ones */
	REQUESTS_ABORTED, /* the connection ended in the middle of the answer */
	RESPONSES,        /* the first of a counter for each status */
	STATISTICS = RESPONSES + STATUSES
};

/* Latencies in nanoseconds, up to 68 s, within 6 %. */
#define LATENCY_BITS 4
#define LATENCY_HIGHEST ((UINT64_C(1) << 36) - 1)
#define LATENCY_BUCKETS 528
#define LATENCY_COUNTS (LATENCY_BUCKETS + 1) /* with that of longer ones */

struct statistics {
	int64_t counts[STATISTICS];
	struct rk_histogram_snapshot latency;
	uint64_t latencies[LATENCY_COUNTS];
	bool at_one_moment; /* the counts; latencies are as many as the responses, or fewer */
};

extern const char statistics_kind[];

/* Returns 0 or a negative errno. */
int statistics_create(void);
void statistics_destroy(void);

void statistics_add(enum statistic which, int64_t value);

/* One more request, with bytes that were received and not added yet. */
void statistics_request(int64_t received);

/* One more response, with bytes that were sent and not added yet, and the time from the request's first byte. */
void statistics_response(enum status status, int64_t sent, uint64_t nanoseconds);

void statistics_read(struct statistics *statistics);

#endif
