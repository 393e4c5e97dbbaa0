/* SPDX-License-Identifier: MIT */
/* fence.h - a fence that isn't public. The other fences are in remote.h. */
#ifndef RK_SRC_FENCE_H
#define RK_SRC_FENCE_H

/*
 * Executes a memory fence on all CPUs that run this process, as if each thread of the process had executed a memory fence
 * during this call. Uses MEMBARRIER_CMD_PRIVATE_EXPEDITED of membarrier(2). If membarrier(2) fails, visits all CPUs. This
 * fence doesn't always abort critical sections.
 *
 * Registers the process for this fence, if it isn't registered. Returns 0, or -EHOSTUNREACH for the same reason as
 * rk_fence_all(). Async-signal-safe.
 */
int rk_fence_memory(void);

#endif /* RK_SRC_FENCE_H */
