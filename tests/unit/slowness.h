/* SPDX-License-Identifier: MIT */
/*
 * slowness.h - how much slower things are here than on the bare machine, and what follows for tests. TEST_DIVISOR in
 * the environment says so: valgrind, emulators.
 */
#ifndef SLOWNESS_H
#define SLOWNESS_H

#include <stdint.h>
#include <stdlib.h>
#include <sys/time.h>

static inline int64_t SLOWNESS(void)
{
	const char *divisor = getenv("TEST_DIVISOR");

	return divisor == NULL ? 1 : atoll(divisor);
}

/* For a timer; where all is slow, a slower one: handlers that last as long as the interval let nothing else run. */
static inline struct itimerval storm_interval(long microseconds)
{
	long interval = microseconds * (SLOWNESS() == 1 ? 1 : 20);

	return (struct itimerval){{0, interval}, {0, interval}};
}

#endif /* SLOWNESS_H */
