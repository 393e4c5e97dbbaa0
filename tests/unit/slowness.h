/* SPDX-License-Identifier: MIT */
/*
 * slowness.h - how much slower this machine is than bare hardware, and how tests adapt. TEST_DIVISOR in the
 * environment gives the factor under valgrind and emulators.
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
 * An interval for a timer. On slow machines it is longer: handlers that take as long as the interval let nothing else
 * run.
 */
static inline struct itimerval storm_interval(long microseconds)
{
	long interval = microseconds * (SLOWNESS() == 1 ? 1 : 20);

	return (struct itimerval){{0, interval}, {0, interval}};
}

#endif /* SLOWNESS_H */
