/* SPDX-License-Identifier: MIT */
/*
 * remote_bench.h - the contenders of the benches `remote` (work on another CPU's data) and `bank` (what such work costs the
 * threads of that CPU). The contenders measure the time themselves. The time begins after the start of the thread on the other
 * CPU, and ends before that thread ends.
 */
#ifndef RK_BENCH_REMOTE_H
#define RK_BENCH_REMOTE_H

#include "bench.h"

/* X(bench, contender, condition, function) */
#define REMOTES(X)                                                                                                     \
	X("remote", "fence-idle", BENCH_ANY, remote_fence_idle)                                                        \
	X("remote", "fence-running", BENCH_ANY, remote_fence_running)                                                  \
	X("remote", "fence-all", BENCH_ANY, remote_fence_all)                                                          \
	X("remote", "drain-idle", BENCH_ANY, remote_drain_idle)                                                        \
	X("remote", "drain-running", BENCH_ANY, remote_drain_running)                                                  \
	X("remote", "read-running", BENCH_ANY, remote_read_running)                                                    \
	X("remote", "vector-1-here", BENCH_RSEQ, remote_vector_1_here)                                                 \
	X("remote", "vector-4-here", BENCH_RSEQ, remote_vector_4_here)                                                 \
	X("remote", "vector-16-here", BENCH_RSEQ, remote_vector_16_here)                                               \
	X("remote", "vector-16-idle", BENCH_ANY, remote_vector_16_idle)                                                \
	X("remote", "vector-16-running", BENCH_ANY, remote_vector_16_running)                                          \
	X("remote", "affinity-idle", BENCH_ANY, remote_affinity_idle)                                                  \
	X("remote", "affinity-running", BENCH_ANY, remote_affinity_running)                                            \
	X("remote", "mutex-idle", BENCH_ANY, remote_mutex_idle)                                                        \
	X("remote", "mutex-running", BENCH_ANY, remote_mutex_running)                                                  \
	X("remote", "signal-running", BENCH_ANY, remote_signal_running)                                                \
	X("bank", "alone", BENCH_RSEQ, bank_alone)                                                                     \
	X("bank", "drained", BENCH_RSEQ, bank_drained)                                                                 \
	X("bank", "drained-at-1kHz", BENCH_RSEQ, bank_drained_slowly)                                                  \
	X("bank", "no-bank", BENCH_RSEQ, bank_none)                                                                    \
	X("bank", "mutex", BENCH_ANY, bank_mutex)

#define REMOTE_DECLARATION(bench, contender, condition, function) uint64_t function(uint64_t n);
REMOTES(REMOTE_DECLARATION)

int bench_remote_create(void);

/* Returns the CPU of the thread that measures, or the other CPU. On a machine with one CPU both are the same. */
int bench_remote_cpu(bool other);

#endif /* RK_BENCH_REMOTE_H */
