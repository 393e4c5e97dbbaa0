/* SPDX-License-Identifier: MIT */
/* load.h - how busy the CPUs were with something else while `rseqkit bench` measured. */
#ifndef RK_TOOL_BENCH_LOAD_H
#define RK_TOOL_BENCH_LOAD_H

#include <stddef.h>
#include <sys/types.h>

#define BENCH_BUSY 0.1 /* a share above this is worth a word */

/* So far, in ticks: of the CPUs that this process may use in all, busy with anything, and busy with these processes. */
struct bench_load {
	double all, busy, own;
};

/* `pids`: of processes besides this one; 0 for none. All 0 where /proc doesn't tell. */
void bench_load_read(struct bench_load *load, const pid_t *pids, size_t count);

/* The share of the CPUs' time, 0 to 1, that others took in between; -1 if that isn't known. */
double bench_load_of_others(const struct bench_load *from, const struct bench_load *to);

#endif /* RK_TOOL_BENCH_LOAD_H */
