/* SPDX-License-Identifier: MIT */
/*
 * metrics.c - reads the statistics once, and writes them as text.
 *
 * The number of open connections is the difference of two counts, and so is the number of requests in progress. The two counts
 * of a difference come from the same read, so if this read is of one moment, the difference is never negative.
 *
 * Each bound in the text is also a bound of the histogram's buckets, so the counts are exact. The sum is computed from the
 * middles of the buckets. Its error is at most 3 %, and it always agrees with the counts.
 */
#define _GNU_SOURCE
#include "metrics.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "statistics.h"

#define BOUND_FIRST 12 /* the bounds are 2^12 - 1 ns (4 us), 2^13 - 1 ns, ..., 2^BOUND_LAST - 1 ns */
#define BOUND_LAST 35

static const int codes[] = {
#define STATUS_CODE(code, text) code,
	STATUS_LIST(STATUS_CODE)
#undef STATUS_CODE
};

static void begin(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void one(FILE *out, const char *name, const char *type, const char *help, int64_t value)
{
	begin(out, name, type, help);
	fprintf(out, "%s %" PRId64 "\n", name, value);
}

static int64_t write_responses(FILE *out, const int64_t *counts)
{
	int64_t all = 0;

	begin(out, "server_responses_total", "counter", "Responses that were written whole, by status code.");
	for (int i = 0; i < STATUSES; i++) {
		fprintf(out, "server_responses_total{code=\"%d\"} %" PRId64 "\n", codes[i], counts[RESPONSES + i]);
		all += counts[RESPONSES + i];
	}
	return all;
}

static int64_t write_closed(FILE *out, const int64_t *counts)
{
	static const char *const by[] = {"client", "server", "timeout", "error"};
	int64_t all = 0;

	begin(out, "server_connections_closed_total", "counter", "Connections that were closed, by what made the end.");
	for (int i = 0; i < 4; i++) {
		fprintf(out, "server_connections_closed_total{by=\"%s\"} %" PRId64 "\n", by[i], counts[CLOSED_BY_CLIENT + i]);
		all += counts[CLOSED_BY_CLIENT + i];
	}
	return all;
}

static void write_latency(FILE *out, const struct rk_histogram_snapshot *latency)
{
	static const char name[] = "server_response_seconds";
	uint64_t below = 0;
	size_t bucket = 0;

	begin(out, name, "histogram", "From a request's first byte to the last one of its response.");
	for (int i = BOUND_FIRST; i <= BOUND_LAST; i++) {
		uint64_t bound = (UINT64_C(1) << i) - 1;

		while (bucket < latency->buckets && rk_histogram_bucket_highest(latency, bucket) <= bound)
			below += latency->counts[bucket++];
		fprintf(out, "%s_bucket{le=\"%.9f\"} %" PRIu64 "\n", name, (double)bound / 1e9, below);
	}
	fprintf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, latency->count);
	fprintf(out, "%s_sum %.9f\n", name, rk_histogram_mean(latency) * (double)latency->count / 1e9);
	fprintf(out, "%s_count %" PRIu64 "\n", name, latency->count);
}

static void write_all(FILE *out, const struct statistics *statistics)
{
	const int64_t *counts = statistics->counts;
	int64_t responses = write_responses(out, counts), closed = write_closed(out, counts);

	one(out, "server_requests_total", "counter", "Requests to be answered, wrong ones too.", counts[REQUESTS]);
	one(out, "server_requests_aborted_total", "counter", "Requests whose connection ended during the response.",
	    counts[REQUESTS_ABORTED]);
	one(out, "server_requests_in_progress", "gauge", "Requests that are being answered, this one too.",
	    counts[REQUESTS] - responses - counts[REQUESTS_ABORTED]);
	one(out, "server_connections_accepted_total", "counter", "Connections that were accepted.",
	    counts[CONNECTIONS_ACCEPTED]);
	one(out, "server_connections_refused_total", "counter", "Connections beyond the limit, answered 503.",
	    counts[CONNECTIONS_REFUSED]);
	one(out, "server_connections_open", "gauge", "Connections that are open.", counts[CONNECTIONS_ACCEPTED] - closed);
	one(out, "server_accept_pauses_total", "counter", "Times that there were no files for more connections.",
	    counts[ACCEPT_PAUSES]);
	one(out, "server_received_bytes_total", "counter", "Bytes of requests.", counts[BYTES_RECEIVED]);
	one(out, "server_sent_bytes_total", "counter", "Bytes of responses.", counts[BYTES_SENT]);
	write_latency(out, &statistics->latency);
	one(out, "server_statistics_at_one_moment", "gauge", "Whether these counts were read as they were at one moment.",
	    statistics->at_one_moment);
	begin(out, "server_statistics_info", "gauge", "What the statistics are made with.");
	fprintf(out, "server_statistics_info{kind=\"%s\"} 1\n", statistics_kind);
}

char *metrics_text(size_t *length)
{
	struct statistics statistics;
	char *text = NULL;
	FILE *out = open_memstream(&text, length);
	int failed;

	if (out == NULL)
		return NULL;
	statistics_read(&statistics);
	write_all(out, &statistics);
	failed = ferror(out);
	if (fclose(out) == 0 && !failed)
		return text;
	free(text);
	return NULL;
}
