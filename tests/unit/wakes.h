/* SPDX-License-Identifier: MIT */
/*
 * wakes.h - how many sleepers the kernel found to wake. Whoever waits looks again by itself, later, and times are no
 * assertions: so the library's calls of the libc's syscall() come here.
 */
#ifndef WAKES_H
#define WAKES_H

#include "test.h"
#include <dlfcn.h>
#include <linux/futex.h>

static int woken, overslept; /* the latter: who looked again by itself */

long syscall(long number, ...)
{
	static long (*real)(long, ...);
	long arguments[6], r;
	va_list list;

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "syscall");
	va_start(list, number);
	for (int i = 0; i < 6; i++)
		arguments[i] = va_arg(list, long);
	va_end(list);
	r = real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
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
