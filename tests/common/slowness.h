/* SPDX-License-Identifier: MIT */
/*
 * slowness.h - how much slower this machine is than bare hardware, and how tests adapt. Under valgrind and emulators,
 * the environment variable TEST_DIVISOR gives the factor.
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

/*
 * Returns the interval of a timer whose signals run handlers. On slow machines the interval is longer. If a handler
 * took as long as the interval, the process would only run handlers.
 */
static inline struct itimerval storm_interval(long microseconds)
{
	long interval = microseconds * (SLOWNESS() == 1 ? 1 : 20);

	return (struct itimerval){{0, interval}, {0, interval}};
}

#endif /* SLOWNESS_H */
