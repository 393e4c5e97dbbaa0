/* SPDX-License-Identifier: MIT */
/* generation.h - which process this is, among those that it was forked from. */
#ifndef RK_SRC_GENERATION_H
#define RK_SRC_GENERATION_H

#include <stdint.h>

/*
 * A number that no process has had that this one was forked from: what memory says of threads by another number is of
 * one of those, whose other threads this process doesn't have. Never 0. Async-signal-safe.
 */
uint32_t rk_generation(void);

#endif /* RK_SRC_GENERATION_H */
