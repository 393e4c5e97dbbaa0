/* SPDX-License-Identifier: MIT */
/* limit.h - limits on the time that a call waits: 0 is not at all, INT64_MAX for ever, and below 0 is refused. */
#ifndef RK_SRC_LIMIT_H
#define RK_SRC_LIMIT_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include "kernel.h"

/* What is left of a limit that ends then (rk_kernel_end_of()). */
static inline int64_t rk_limit_left(int64_t nanoseconds, int64_t end)
{
	return nanoseconds <= 0 || end == INT64_MAX ? nanoseconds : end - rk_kernel_now();
}

/* Why a call that would have to wait, or wait longer, doesn't. By itself: the caller waits for something of its own. */
static inline int rk_limit_error(int64_t nanoseconds, bool by_itself)
{
	if (nanoseconds <= 0)
		return nanoseconds == 0 ? -EBUSY : -EINVAL;
	return by_itself ? -EDEADLK : -ETIMEDOUT;
}

#endif /* RK_SRC_LIMIT_H */
