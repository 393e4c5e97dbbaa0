/* SPDX-License-Identifier: MIT */
/*
 * wakes.h - counts the threads that sleep in futex(2), and the threads that the kernel has woken. A thread that waits in the
 * library checks its condition again after some time, even if no thread wakes it. A missing wake-up therefore only makes the
 * wait longer. To find a missing wake-up, a test can set `patiently`. Then a thread sleeps until another thread wakes it, or
 * for PATIENCE seconds; after PATIENCE seconds, `overslept` counts it.
 */
#ifndef WAKES_H
#define WAKES_H

#include "calls.h"
#include <linux/futex.h>

#define PATIENCE 20 /* seconds; a wake takes less than a millisecond */

static int sleeping, woken, overslept; /* `overslept`: number of waits that ended because their time was over */
static bool patiently;

static long called(long number, const long arguments[6])
{
	static const long patience[2] = {PATIENCE, 0};
	const bool is_futex = number == SYS_futex;
	const bool waits = is_futex && (arguments[1] & FUTEX_CMD_MASK) == FUTEX_WAIT;
	long changed[6], r;

	memcpy(changed, arguments, sizeof(changed));
	if (waits && patiently)
		changed[3] = (long)(uintptr_t)patience;
	if (waits)
		__atomic_fetch_add(&sleeping, 1, __ATOMIC_RELAXED);
	r = really(number, changed);
	if (waits)
		__atomic_fetch_sub(&sleeping, 1, __ATOMIC_RELAXED);
	if (waits && r == -1 && errno == ETIMEDOUT)
		__atomic_fetch_add(&overslept, 1, __ATOMIC_RELAXED);
	if (is_futex && (arguments[1] & FUTEX_CMD_MASK) == FUTEX_WAKE && r > 0)
		__atomic_fetch_add(&woken, (int)r, __ATOMIC_RELAXED);
	return r;
}

/*
 * Waits until `count` threads sleep or are about to sleep. The pause at the end gives a thread that is only about to
 * sleep enough time, because a wake before the sleep has no effect.
 */
static inline void wait_for_sleepers(int count)
{
	while (__atomic_load_n(&sleeping, __ATOMIC_RELAXED) < count)
		usleep(100);
	usleep(1000 * (useconds_t)SLOWNESS());
}

static inline int woken_since(int *before)
{
	int now = __atomic_load_n(&woken, __ATOMIC_RELAXED), since = now - *before;

	*before = now;
	return since;
}

#endif /* WAKES_H */
