/* SPDX-License-Identifier: MIT */
/* slice.h - slices inside this library: regions around mutexes. */
#ifndef RK_SRC_SLICE_H
#define RK_SRC_SLICE_H

#include <rseqkit/slice.h>
#include <stdbool.h>

/*
 * All mutexes that the calling thread holds share a region. The region begins when the thread locks the first mutex, and ends
 * when the thread has unlocked all mutexes, in any order. rk_slice_hold() returns the argument for rk_slice_let_go().
 */
int rk_slice_hold(void);
void rk_slice_let_go(int held);

/* Does the kernel offer the extension to the calling thread, which has an area? */
static inline bool rk_slice_is_offered(void)
{
	uint32_t flags;

	RKI_AREA_READ(flags, 16);
	return (flags & (RK_AREA_SLICE_AVAILABLE | RK_AREA_SLICE_ENABLED)) != 0;
}

/* Does the kernel offer the extension, or might it when the thread is registered? If not, rk_slice_hold() does nothing. */
static inline bool rk_slice_is_possible(void)
{
	uint32_t cpu;

	if (!RK_HAVE_SECTIONS || RKI_NO_AREA)
		return false;
	RKI_AREA_READ(cpu, 4);
	return rk_slice_is_offered() || (int32_t)cpu < 0;
}

/*
 * Does the calling thread have granted time that it hasn't given back? The answer is slice_ctrl's second byte, in either byte
 * order.
 */
static inline bool rk_slice_is_granted(const volatile struct rk_area *area)
{
	return ((const volatile unsigned char *)area)[28 + 1] != 0;
}

#endif /* RK_SRC_SLICE_H */
