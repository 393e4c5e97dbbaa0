/* SPDX-License-Identifier: MIT */
/* fence.h - what else there is of fences (remote.h). */
#ifndef RK_SRC_FENCE_H
#define RK_SRC_FENCE_H

/*
 * A fence of memory on all CPUs that run this process, as if each of its threads had executed one somewhere between this
 * call and its return: MEMBARRIER_CMD_PRIVATE_EXPEDITED of membarrier(2), or visits. Critical sections go on.
 *
 * Registers the process for it where that wasn't done. Returns 0, or -EHOSTUNREACH as rk_fence_all(). Async-signal-safe.
 */
int rk_fence_memory(void);

#endif /* RK_SRC_FENCE_H */
