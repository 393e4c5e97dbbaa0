/* SPDX-License-Identifier: MIT */
/*
 * limit.h - limits, in nanoseconds, on the time that a function waits. 0 means that it doesn't wait, INT64_MAX that it waits
 * for ever. A negative limit is an error.
 */
#ifndef RK_SRC_LIMIT_H
#define RK_SRC_LIMIT_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include "kernel.h"

/* Returns how much is left of a limit of `nanoseconds`, which ends at the time `end` (rk_kernel_end_of()). */
static inline int64_t rk_limit_left(int64_t nanoseconds, int64_t end)
{
	return nanoseconds <= 0 || end == INT64_MAX ? nanoseconds : end - rk_kernel_now();
}

/*
 * Returns the error for a function that can't succeed because it isn't allowed to wait, or because its time is over.
 * `by_itself` says that the caller itself holds the lock or claim (sync/claim.h) that the function would wait for.
 */
static inline int rk_limit_error(int64_t nanoseconds, bool by_itself)
{
	if (nanoseconds <= 0)
		return nanoseconds == 0 ? -EBUSY : -EINVAL;
	return by_itself ? -EDEADLK : -ETIMEDOUT;
}

#endif /* RK_SRC_LIMIT_H */
