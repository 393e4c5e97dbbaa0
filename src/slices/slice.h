/* SPDX-License-Identifier: MIT */
/* slice.h - the kernel's side of the slice extension, as include/uapi/linux/prctl.h has it from 7.0 on. */
#ifndef RK_SRC_SLICE_H
#define RK_SRC_SLICE_H

#include <stdbool.h>
#include <rseqkit/abi.h>

#define RK_PRCTL_SLICE_EXTENSION 79
#define RK_PRCTL_SLICE_EXTENSION_SET 2
#define RK_PRCTL_SLICE_EXTENSION_ENABLE 1
#define RK_SYS_SLICE_YIELD 471 /* rseq_slice_yield(2), on every machine */

/* Switches it on for the calling thread. Returns 0 or a negative errno, of the kernel's or a filter's. */
int rk_slice_switch_on(void);

/*
 * The region of all mutexes that the calling thread holds: begins with the first one, ends with the last one, in whichever
 * order they go. rk_slice_hold() returns what rk_slice_let_go() wants to know.
 */
int rk_slice_hold(void);
void rk_slice_let_go(int held);

/* Has the calling thread been granted time that it hasn't given back? The second byte of slice_ctrl, in either order. */
static inline bool rk_slice_is_granted(const volatile struct rk_area *area)
{
	return ((const volatile unsigned char *)area)[28 + 1] != 0;
}

#endif /* RK_SRC_SLICE_H */
