/* SPDX-License-Identifier: MIT */
/*
 * calls.h - replaces the libc's syscall(), by which the library makes its system calls, so that a test sees each
 * call. The test defines called(), whose result the library gets. really() makes the call in the kernel.
 */
#ifndef CALLS_H
#define CALLS_H

#include "test.h"
#include <dlfcn.h>

static long called(long number, const long arguments[6]);

static inline long really(long number, const long arguments[6])
{
	static long (*real)(long, ...);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "syscall");
	return real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}

long syscall(long number, ...)
{
	long arguments[6];
	va_list list;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		arguments[i] = va_arg(list, long);
	va_end(list);
	return called(number, arguments);
}

#endif /* CALLS_H */
