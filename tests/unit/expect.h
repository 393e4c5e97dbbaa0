/* SPDX-License-Identifier: MIT */
/* expect.h - checks that any thread or handler can make, and random numbers. */
#ifndef EXPECT_H
#define EXPECT_H

#include "test.h"

static int wrong; /* number of checks that failed */

/*
 * If `condition` is false, counts a failure, and reports it if it is one of the first ten. The caller continues in
 * either case. Any thread or handler can use this macro.
 */
#define EXPECT(condition)                                                                                              \
	do {                                                                                                           \
		if (!(condition) && __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED) < 10)                              \
			dprintf(STDERR_FILENO, "# %s:%d: %s\n", __FILE__, __LINE__, #condition);                       \
	} while (0)

/* Returns a random number (xorshift64). */
static inline uint64_t draw(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

/* Returns a possible CPU, online or not, drawn at random. */
static inline int any_cpu(uint64_t *random)
{
	int cpu = -1;

	for (int n = (int)(draw(random) % (unsigned)rk_cpus_count()); n >= 0; n--)
		cpu = rk_cpus_next(cpu);
	return cpu;
}

#endif /* EXPECT_H */
