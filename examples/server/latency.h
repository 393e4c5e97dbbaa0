/* SPDX-License-Identifier: MIT */
/* latency.h - computes the bucket of a latency as rk_histogram_record() does, for statistics without rseqkit's histogram. */
#ifndef SERVER_LATENCY_H
#define SERVER_LATENCY_H

#include "statistics.h"

static inline size_t latency_bucket(uint64_t nanoseconds)
{
	uint64_t held = nanoseconds <= LATENCY_HIGHEST ? nanoseconds : LATENCY_HIGHEST + 1;
	unsigned shift = (63u ^ (unsigned)__builtin_clzll(held | (1u << LATENCY_BITS))) - LATENCY_BITS;

	return ((size_t)shift << LATENCY_BITS) + (size_t)(held >> shift);
}

/* Makes the histogram's snapshot from the counts in `latencies`. */
static inline void latency_conclude(struct statistics *statistics)
{
	statistics->latency = (struct rk_histogram_snapshot){
		statistics->latencies, LATENCY_BUCKETS, statistics->latencies[LATENCY_BUCKETS], 0, LATENCY_BITS};
	for (size_t i = 0; i < LATENCY_COUNTS; i++)
		statistics->latency.count += statistics->latencies[i];
}

#endif
