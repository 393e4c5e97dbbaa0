/* SPDX-License-Identifier: MIT */
/* thread.h - what the rest of the library may ask of a thread's registration, besides the public header. */
#ifndef RK_SRC_THREAD_H
#define RK_SRC_THREAD_H

#include "area.h"
#include "os/kernel.h"

/* Undoes what this library registered in the calling thread, for good: `reason` is kept. Async-signal-safe. */
void rk_thread_detach(enum rk_reason reason);

/* Registers the calling thread: by the kernel's own means where those are used, so that it keeps the thread id as well. */
static inline int rk_register_at(const struct rk_process *p, volatile struct rk_area *area, uint32_t length)
{
	return p->where == RK_WHERE_KTLS ? rk_kernel_ktls_register() : rk_sys_rseq(area, length, 0, RK_SIGNATURE);
}

static inline bool rk_area_is_registered(volatile struct rk_area *area)
{
	return (int32_t)area->cpu_id >= 0;
}

/*
 * Is the thread inside a bracket? The depth is that of copies that share this state, the area is closed by whoever
 * opened it: another copy, or a user of embed.h.
 */
static inline bool rk_is_bracketed(const struct rk_thread_state *state, volatile struct rk_area *area)
{
	return READ(state->vfork) > 0 || (int32_t)area->cpu_id == RK_CPU_ID_BRACKET;
}

/* The mark in an adopter's area has a second meaning: that the adopter's own attempt failed. */
static inline bool rk_is_maybe_bracketed(const struct rk_process *p, volatile struct rk_area *area)
{
	return rk_kind_of(p)->counted && (int32_t)area->cpu_id == RK_CPU_ID_REGISTRATION_FAILED;
}

#endif /* RK_SRC_THREAD_H */
