/* SPDX-License-Identifier: MIT */
/*
 * statistics.h - the server's statistics. Three files implement this interface: with a counter group and a histogram of
 * librseqkit (statistics_rseqkit.c), with atomics (statistics_atomic.c), with a mutex (statistics_mutex.c). A program is linked
 * with one of these files.
 *
 * The counts have an order. A connection is accepted before it is closed. A request is counted before its response, and a
 * response's code before its latency. If the counts are read at one moment, they keep this order: there are never more
 * responses than requests. Requests minus responses is the number of requests in progress.
 */
#ifndef SERVER_STATISTICS_H
#define SERVER_STATISTICS_H

#include <rseqkit/histogram.h>
#include <stdbool.h>
#include <stdint.h>
#include "status.h"

enum statistic {
	CONNECTIONS_ACCEPTED,
	CONNECTIONS_REFUSED, /* refused with 503 at the limit of connections; not counted as accepted */
	ACCEPT_PAUSES,       /* there were no file descriptors for more connections */
	CLOSED_BY_CLIENT,
	CLOSED_BY_SERVER,
	CLOSED_LATE,   /* closed at the time limit */
	CLOSED_BROKEN, /* closed by an error of the connection */
	BYTES_RECEIVED,
	BYTES_SENT,
	REQUESTS,         /* requests that get an answer: complete ones and wrong ones */
	REQUESTS_ABORTED, /* the connection ended during the answer */
	RESPONSES,        /* the first of the counters, one for each status */
	STATISTICS = RESPONSES + STATUSES
};

/* Latencies are in nanoseconds, up to 68 s, with an error of at most 6 %. */
#define LATENCY_BITS 4
#define LATENCY_HIGHEST ((UINT64_C(1) << 36) - 1)
#define LATENCY_BUCKETS 528
#define LATENCY_COUNTS (LATENCY_BUCKETS + 1) /* the last count is for latencies above LATENCY_HIGHEST */

struct statistics {
	int64_t counts[STATISTICS];
	struct rk_histogram_snapshot latency;
	uint64_t latencies[LATENCY_COUNTS];
	bool at_one_moment; /* all counts were read at one moment. In any case there are no more latencies than responses */
};

extern const char statistics_kind[];

/* Returns 0 or a negative errno. */
int statistics_create(void);
void statistics_destroy(void);

void statistics_add(enum statistic which, int64_t value);

/* Adds one request, and `received` bytes, which were not added before. */
void statistics_request(int64_t received);

/* Adds one response, `sent` bytes, which were not added before, and the time since the request's first byte. */
void statistics_response(enum status status, int64_t sent, uint64_t nanoseconds);

void statistics_read(struct statistics *statistics);

#endif
