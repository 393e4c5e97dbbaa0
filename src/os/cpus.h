/* SPDX-License-Identifier: MIT */
/* cpus.h - the set of possible CPUs: all CPUs whose numbers the kernel can ever store in a thread's struct rseq. */
#ifndef RK_SRC_CPUS_H
#define RK_SRC_CPUS_H

#include <rseqkit/percpu.h>
#include <stdbool.h>

struct rk_cpus {
	int count;   /* the number of possible CPUs */
	int highest; /* the highest possible CPU number */
	unsigned long set[RK_CPUS_MAX / (8 * sizeof(unsigned long))];
};

/* Returns the set of possible CPUs. The first call reads the set. Never fails. Async-signal-safe. */
const struct rk_cpus *rk_cpus_get(void);

/*
 * Returns the set of possible CPUs. If earlier calls had no descriptor or memory to read the kernel's list of CPUs, this call
 * tries again. Functions that map memory for CPUs call this function.
 */
const struct rk_cpus *rk_cpus_look_again(void);

/*
 * Returns how many CPU numbers the kernel's own mask has room for. Returns 0 if the kernel didn't say it when the set of possible
 * CPUs was read.
 */
int rk_cpus_room(void);

/*
 * Parses the kernel's list format, "0-3,8,10-11\n". Returns 0; -ERANGE if a number is RK_CPUS_MAX or more; -EINVAL for any
 * other fault. After an error *cpus is undefined.
 */
int rk_cpus_parse(const char *text, struct rk_cpus *cpus);

/*
 * Parses a file in the kernel's list format. Returns the same as rk_cpus_parse(), or the negative errno of the system call
 * that failed. Async-signal-safe.
 */
int rk_cpus_read(const char *path, struct rk_cpus *cpus);

static inline bool rk_cpus_has(const struct rk_cpus *cpus, int cpu)
{
	const int bits = 8 * (int)sizeof(cpus->set[0]);

	return cpu >= 0 && cpu <= cpus->highest && cpus->set[cpu / bits] >> (cpu % bits) & 1;
}

#endif /* RK_SRC_CPUS_H */
