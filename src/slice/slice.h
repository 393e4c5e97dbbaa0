/* SPDX-License-Identifier: MIT */
/* slice.h - slices inside this library: regions around mutexes. */
#ifndef RK_SRC_SLICE_H
#define RK_SRC_SLICE_H

#include <rseqkit/slice.h>
#include <stdbool.h>

/*
 * The region of all mutexes that the calling thread holds: begins with the first one, ends with the last one, in whichever
 * order they go. rk_slice_hold() returns what rk_slice_let_go() wants to know.
 */
int rk_slice_hold(void);
void rk_slice_let_go(int held);

/* Does the kernel offer it to the calling thread, which has an area? */
static inline bool rk_slice_is_offered(void)
{
	uint32_t flags;

	RKI_AREA_READ(flags, 16);
	return (flags & (RK_AREA_SLICE_AVAILABLE | RK_AREA_SLICE_ENABLED)) != 0;
}

/* Or may it, when it is asked? Where it doesn't rk_slice_hold() does nothing. */
static inline bool rk_slice_is_possible(void)
{
	uint32_t cpu;

	if (!RK_HAVE_SECTIONS || RKI_NO_AREA)
		return false;
	RKI_AREA_READ(cpu, 4);
	return rk_slice_is_offered() || (int32_t)cpu < 0;
}

/* Has the calling thread been granted time that it hasn't given back? The second byte of slice_ctrl, in either order. */
static inline bool rk_slice_is_granted(const volatile struct rk_area *area)
{
	return ((const volatile unsigned char *)area)[28 + 1] != 0;
}

#endif /* RK_SRC_SLICE_H */
