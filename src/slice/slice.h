/* SPDX-License-Identifier: MIT */
/*
 * slice.h - functions by which this library requests a longer time slice while a thread holds locks (rseqkit/slice.h). A
 * region is the time in which a thread requests a longer slice.
 */
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

/* Returns whether the kernel offers the time slice extension to the calling thread. Don't call this if RKI_NO_AREA is true. */
static inline bool rk_slice_is_offered(void)
{
	uint32_t flags;

	RKI_AREA_READ(flags, 16);
	return (flags & (RK_AREA_SLICE_AVAILABLE | RK_AREA_SLICE_ENABLED)) != 0;
}

/*
 * Returns whether the kernel offers the extension, or may offer it once the thread is registered. If not, rk_slice_hold() does
 * nothing.
 */
static inline bool rk_slice_is_possible(void)
{
	uint32_t cpu;

	if (!RK_HAVE_SECTIONS || RKI_NO_AREA)
		return false;
	RKI_AREA_READ(cpu, 4);
	return rk_slice_is_offered() || (int32_t)cpu < 0;
}

/*
 * Returns whether the calling thread has been granted time, and hasn't given it up yet. The second byte of slice_ctrl says
 * so, on machines of either byte order.
 */
static inline bool rk_slice_is_granted(const volatile struct rk_area *area)
{
	return ((const volatile unsigned char *)area)[28 + 1] != 0;
}

#endif /* RK_SRC_SLICE_H */
