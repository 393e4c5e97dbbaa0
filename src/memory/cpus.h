/* SPDX-License-Identifier: MIT */
/* cpus.h - the set of possible CPUs. */
#ifndef RK_SRC_CPUS_H
#define RK_SRC_CPUS_H

#include <rseqkit/percpu.h>

struct rk_cpus {
	int count;   /* possible CPUs */
	int highest; /* the highest possible CPU number */
	unsigned long set[RK_CPUS_MAX / (8 * sizeof(unsigned long))];
};

/* The set, read on the first call; never fails. Async-signal-safe. */
const struct rk_cpus *rk_cpus_get(void);

/*
 * Parses the kernel's list format, "0-3,8,10-11\n". Returns 0, or -EINVAL for anything else, or -ERANGE for a number
 * of RK_CPUS_MAX or more; *cpus is then undefined.
 */
int rk_cpus_parse(const char *text, struct rk_cpus *cpus);

#endif /* RK_SRC_CPUS_H */
