/* SPDX-License-Identifier: MIT */
/* libc.h - finds the C library's rseq area. */
#ifndef RK_SRC_LIBC_H
#define RK_SRC_LIBC_H

#include <features.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * RK_LIBC_HAS_SYMBOLS is defined if this library is built against a libc that has the symbols __rseq_offset and __rseq_size.
 * glibc has them from 2.35 on. A distribution can add them to an older release (as RHEL 9 did with 2.34). With this macro,
 * this library refers to the symbols directly, by strong references. Without it, the names are looked up in the loaded
 * modules, because the libc at run time is possibly newer than the libc of the build. Weak references would work only in some
 * programs. In programs that aren't position independent, and with link-time optimisation, linkers resolve weak references to
 * NULL although the symbols exist.
 */
#if defined(__GLIBC__) && defined(__GLIBC_PREREQ) && defined(__has_include)
#if __GLIBC_PREREQ(2, 35) || (__GLIBC_PREREQ(2, 34) && __has_include(<sys/rseq.h>))
#define RK_LIBC_HAS_SYMBOLS 1
#endif
#endif

/*
 * Returns whether the libc has an area in every thread. If so, *offset is the area's distance from the thread pointer, and
 * *registers says whether the libc registers it. Async-signal-safe.
 */
bool rk_libc_area(ptrdiff_t *offset, bool *registers);

#endif /* RK_SRC_LIBC_H */
