/* SPDX-License-Identifier: MIT */
/* libc.h - what the C library has to do with rseq. */
#ifndef RK_SRC_LIBC_H
#define RK_SRC_LIBC_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Does the libc have an area in every thread? If so, *offset is its distance from the thread pointer and *registers
 * says whether the libc registers it. Async-signal-safe.
 */
bool rk_libc_area(ptrdiff_t *offset, bool *registers);

#endif /* RK_SRC_LIBC_H */
