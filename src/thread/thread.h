/* SPDX-License-Identifier: MIT */
/*
 * thread.h - the registration of the calling thread's area (struct rseq), for the rest of the library. The public functions are
 * in rseqkit/thread.h.
 */
#ifndef RK_SRC_THREAD_H
#define RK_SRC_THREAD_H

#include "area.h"
#include "os/kernel.h"

/* Registers the calling thread, by the kernel's KTLS command if the kernel registers threads (process.h). */
static inline int rk_register_at(const struct rk_process *p, volatile struct rk_area *area, uint32_t length)
{
	return rk_kernel_registers(rk_kind_of(p)) ? rk_kernel_ktls_register() : rk_kernel_register(area, length);
}

static inline bool rk_area_is_registered(volatile struct rk_area *area)
{
	return (int32_t)area->cpu_id >= 0;
}

/*
 * Returns whether the thread is inside a bracket: between rk_vfork_begin() and rk_vfork_end(). The thread's state (area.h) counts
 * the open brackets of all copies of this library that share the state. A bracket of any other copy is found by the mark, a
 * value of cpu_id that rk_vfork_begin() stores in the area.
 */
static inline bool rk_is_bracketed(const struct rk_thread_state *state, volatile struct rk_area *area)
{
	return READ(state->vfork) > 0 || (int32_t)area->cpu_id == RK_CPU_ID_BRACKET;
}

/*
 * Returns whether the area is an early adopter's (early.h), and cpu_id in it is the mark of a bracket. In such an area this
 * value has a second meaning: the adopter's own attempt to register failed.
 */
static inline bool rk_is_maybe_bracketed(const struct rk_process *p, volatile struct rk_area *area)
{
	return rk_kind_of(p)->counted && (int32_t)area->cpu_id == RK_CPU_ID_REGISTRATION_FAILED;
}

#endif /* RK_SRC_THREAD_H */
