/* SPDX-License-Identifier: MIT */
/* fence.h - a fence that isn't public. The other fences are in remote.h. */
#ifndef RK_SRC_FENCE_H
#define RK_SRC_FENCE_H

/*
 * A fence of memory on all CPUs that run this process, as if each of its threads had executed one between this call and its
 * return. It is MEMBARRIER_CMD_PRIVATE_EXPEDITED of membarrier(2), or visits. Critical sections may go on.
 *
 * Registers the process for that, if it isn't registered. Returns 0, or -EHOSTUNREACH as rk_fence_all(). Async-signal-safe.
 */
int rk_fence_memory(void);

#endif /* RK_SRC_FENCE_H */
