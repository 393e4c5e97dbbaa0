/* SPDX-License-Identifier: MIT */
/* fence.h - a memory fence for this library itself. The public fences, which abort critical sections, are in rseqkit/remote.h. */
#ifndef RK_SRC_FENCE_H
#define RK_SRC_FENCE_H

/*
 * Acts as if each thread of the process had executed a memory fence during this call. Uses MEMBARRIER_CMD_PRIVATE_EXPEDITED
 * of membarrier(2). If membarrier(2) fails, the calling thread runs on each CPU for a moment. This function doesn't always
 * abort critical sections.
 *
 * Registers the process for this fence, if it isn't registered. Returns 0, or -EHOSTUNREACH for the same reason as
 * rk_fence_all(). Async-signal-safe.
 */
int rk_fence_memory(void);

#endif /* RK_SRC_FENCE_H */
