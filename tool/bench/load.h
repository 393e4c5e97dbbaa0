/* SPDX-License-Identifier: MIT */
/* load.h - measures how busy the CPUs are with other work while `rseqkit bench` and its workers run. Workers run the loops. */
#ifndef RK_TOOL_BENCH_LOAD_H
#define RK_TOOL_BENCH_LOAD_H

#include <stddef.h>
#include <sys/types.h>

#define BENCH_BUSY 0.1 /* if other processes take a larger share of the CPUs' time, the tool reports this */

/*
 * Counts of clock ticks on the CPUs that this process is allowed to use: all ticks, busy ticks, and the ticks that this process,
 * its workers and their children used.
 */
struct bench_load {
	double all, busy, own;
};

/* Reads the ticks so far. `pids` are the workers; a pid of 0 is skipped. Ticks that /proc doesn't show are 0. */
void bench_load_read(struct bench_load *load, const pid_t *pids, size_t count);

/* Returns the share of the CPUs' time, 0 to 1, that other processes took between two readings; -1 if unknown. */
double bench_load_of_others(const struct bench_load *from, const struct bench_load *to);

#endif /* RK_TOOL_BENCH_LOAD_H */
