/* SPDX-License-Identifier: MIT */
/* libc.h - what the C library has to do with rseq. */
#ifndef RK_SRC_LIBC_H
#define RK_SRC_LIBC_H

#include <features.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Built against a libc that has the symbols, 2.35 or one that got them later (RHEL 9's 2.34 did), the references are
 * strong. Otherwise the libc at run time may still be a newer one, and the dynamic linker is asked for the names. Weak
 * references would do in some links only: linkers make them null where the program isn't position independent, or with
 * link-time optimisation, although the symbols are there.
 */
#if defined(__GLIBC__) && defined(__GLIBC_PREREQ) && defined(__has_include)
#if __GLIBC_PREREQ(2, 35) || (__GLIBC_PREREQ(2, 34) && __has_include(<sys/rseq.h>))
#define RK_LIBC_HAS_SYMBOLS 1
#endif
#endif

/*
 * Does the libc have an area in every thread? If so, *offset is its distance from the thread pointer and *registers
 * says whether the libc registers it. Async-signal-safe.
 */
bool rk_libc_area(ptrdiff_t *offset, bool *registers);

#endif /* RK_SRC_LIBC_H */
