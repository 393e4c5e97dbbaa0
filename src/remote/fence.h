/* SPDX-License-Identifier: MIT */
/* fence.h - what else there is of fences (remote.h). */
#ifndef RK_SRC_FENCE_H
#define RK_SRC_FENCE_H

/*
 * A fence of memory on all CPUs that run this process, as if each of its threads had executed one somewhere between this
 * call and its return: MEMBARRIER_CMD_PRIVATE_EXPEDITED of membarrier(2), or visits. Critical sections go on.
 *
 * Returns 0, or -EHOSTUNREACH as rk_fence_all(). rk_fence_memory_prepare() registers the process for it, as the first
 * one does by itself, and returns as rk_fence_prepare(). Async-signal-safe.
 */
int rk_fence_memory(void);
int rk_fence_memory_prepare(void);

#endif /* RK_SRC_FENCE_H */
