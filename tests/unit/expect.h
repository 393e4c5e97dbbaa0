/* SPDX-License-Identifier: MIT */
/* expect.h - expectations of threads and handlers, which go on if they fail; and numbers drawn at random. */
#ifndef EXPECT_H
#define EXPECT_H

#include "test.h"

static int wrong; /* expectations that failed */

/* For any thread, and handlers: says what failed, a few times, and goes on. */
#define EXPECT(condition)                                                                                              \
	do {                                                                                                           \
		if (!(condition) && __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED) < 10)                              \
			dprintf(STDERR_FILENO, "# %s:%d: %s\n", __FILE__, __LINE__, #condition);                       \
	} while (0)

/* xorshift64 */
static inline uint64_t draw(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random;
}

/* One of the possible CPUs, online or not. */
static inline int any_cpu(uint64_t *random)
{
	int cpu = -1;

	for (int n = (int)(draw(random) % (unsigned)rk_cpus_count()); n >= 0; n--)
		cpu = rk_cpus_next(cpu);
	return cpu;
}

#endif /* EXPECT_H */
