/* SPDX-License-Identifier: MIT */
/* limit.h - limits on the time that a call waits. 0 means no wait, INT64_MAX means for ever, and a negative limit is refused. */
#ifndef RK_SRC_LIMIT_H
#define RK_SRC_LIMIT_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include "kernel.h"

/* Returns the nanoseconds that are left of a limit which ends at `end` (rk_kernel_end_of()). */
static inline int64_t rk_limit_left(int64_t nanoseconds, int64_t end)
{
	return nanoseconds <= 0 || end == INT64_MAX ? nanoseconds : end - rk_kernel_now();
}

/*
 * Returns the error for a call that isn't allowed to wait, or to wait any longer, and so can't succeed. `by_itself` says
 * that the caller itself holds what the call would wait for.
 */
static inline int rk_limit_error(int64_t nanoseconds, bool by_itself)
{
	if (nanoseconds <= 0)
		return nanoseconds == 0 ? -EBUSY : -EINVAL;
	return by_itself ? -EDEADLK : -ETIMEDOUT;
}

#endif /* RK_SRC_LIMIT_H */
