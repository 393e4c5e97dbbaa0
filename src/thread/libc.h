/* SPDX-License-Identifier: MIT */
/* libc.h - finds the C library's rseq area. */
#ifndef RK_SRC_LIBC_H
#define RK_SRC_LIBC_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Returns whether the libc has an area in every thread. If so, *offset is the area's distance from the thread pointer, and
 * *registers says whether the libc registers it. Async-signal-safe.
 */
bool rk_libc_area(ptrdiff_t *offset, bool *registers);

/*
 * Returns whether the libc registers threads. Doesn't call the dynamic linker, and so returns false if only a search of the
 * loaded modules could tell.
 */
bool rk_libc_is_bound_and_registers(void);

/*
 * glibc 2.32 and later define this variable, and clear it when the program creates its first thread. With another libc its
 * address is NULL.
 */
extern char __libc_single_threaded __attribute__((__weak__));

#endif /* RK_SRC_LIBC_H */
