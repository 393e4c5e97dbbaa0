/* SPDX-License-Identifier: MIT */
/*
 * wakes.h - how many sleepers the kernel found to wake. Whoever waits looks again by itself, later, and times are no
 * assertions.
 */
#ifndef WAKES_H
#define WAKES_H

#include "calls.h"
#include <linux/futex.h>

static int woken, overslept; /* the latter: who looked again by itself */

static long called(long number, const long arguments[6])
{
	long r = really(number, arguments);

	if (number == SYS_futex && (arguments[1] & FUTEX_CMD_MASK) == FUTEX_WAKE && r > 0)
		__atomic_fetch_add(&woken, (int)r, __ATOMIC_RELAXED);
	if (number == SYS_futex && (arguments[1] & FUTEX_CMD_MASK) == FUTEX_WAIT && r == -1 && errno == ETIMEDOUT)
		__atomic_fetch_add(&overslept, 1, __ATOMIC_RELAXED);
	return r;
}

static inline int woken_since(int *before)
{
	int now = __atomic_load_n(&woken, __ATOMIC_RELAXED), since = now - *before;

	*before = now;
	return since;
}

#endif /* WAKES_H */
