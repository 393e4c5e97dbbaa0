/* SPDX-License-Identifier: MIT */
/*
 * alarms.h - sends SIGALRM to the process again and again. Each signal handler starts the timer for the next signal. The
 * program therefore also goes on if each signal takes longer than the interval, for example because a tracer stops the thread.
 *
 * If a handler doesn't run, the next signal comes after 10 ms. ThreadSanitizer runs handlers later, and drops a signal whose
 * thread ends before that.
 */
#ifndef TESTS_ALARMS_H
#define TESTS_ALARMS_H

#include <stddef.h>
#include <sys/time.h>

static volatile long alarm_interval; /* microseconds until the next signal; 0: no further signals */

/* Call this in each handler of SIGALRM. */
static inline void alarms_go_on(void)
{
	const struct itimerval next = {{0, 10000}, {0, alarm_interval}};

	if (next.it_value.tv_usec != 0)
		(void)setitimer(ITIMER_REAL, &next, NULL);
}

static inline void alarms_begin(long microseconds)
{
	alarm_interval = microseconds;
	alarms_go_on();
}

/* If another thread is in a handler at this moment, the signals may go on. */
static inline void alarms_end(void)
{
	const struct itimerval never = {{0, 0}, {0, 0}};

	alarm_interval = 0;
	(void)setitimer(ITIMER_REAL, &never, NULL);
}

#endif /* TESTS_ALARMS_H */
