/* SPDX-License-Identifier: MIT */
/*
 * stamped_bench.h - the bench `stamped`: records of 64 bits with a stamp of the clock, in buffers that overwrite their oldest
 * records.
 *
 * lttng-ust writes its events in a process of its own (stamped_traced.c), because its library starts threads in each process that
 * is linked with it. That process measures the time.
 */
#ifndef RK_BENCH_STAMPED_H
#define RK_BENCH_STAMPED_H

#include "bench.h"

extern struct rk_ring *bench_stamped_ring, *bench_unordered_ring; /* both rings overwrite old records */

int bench_stamped_create(void);

/* Check the records in a ring: their numbers and lengths. bench_settle_stamped() also checks the order of their stamps. */
bool bench_settle_stamped(void);
bool bench_settle_unordered(void);

/* Starts the process that writes events, if it doesn't run yet. Returns NULL, or why the process can't run. */
const char *bench_stamped_lttng_why(void);
uint64_t bench_stamped_lttng(uint64_t n);

/* Checks that a snapshot of the events has the last 1000 events. Only the first call does this. */
bool bench_settle_stamped_lttng(void);

#define BENCH_STAMPED_MARK 0x5253454bULL /* the upper half of the number in each record */

#define STAMPED(X)                                                                                                     \
	X("stamped", "rseqkit", BENCH_RSEQ, stamped_rseqkit, NULL, bench_settle_stamped,                               \
	  struct rk_ring *ring = bench_stamped_ring;                                                                   \
	  uint64_t number = BENCH_STAMPED_MARK << 32;,                                                                 \
	  number++; failed |= rk_ring_write_stamped(ring, &number, sizeof(number));)                                   \
	X("stamped", "unordered", BENCH_RSEQ, stamped_unordered, NULL, bench_settle_unordered,                         \
	  struct rk_ring *ring = bench_unordered_ring;                                                                 \
	  uint64_t number = BENCH_STAMPED_MARK << 32;,                                                                 \
	  number++; failed |= rk_ring_write_stamped(ring, &number, sizeof(number));)

#endif /* RK_BENCH_STAMPED_H */
