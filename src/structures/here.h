/* SPDX-License-Identifier: MIT */
/*
 * here.h - the CPU of a thread with rseq, for records and adds whose fallback needs no CPU number.
 *
 * Without rseq, rk_cpu() asks the C library for the number. That takes three times as long as the whole fallback.
 */
#ifndef RK_SRC_HERE_H
#define RK_SRC_HERE_H

#include <rseqkit/slot.h>

/*
 * Returns the number of the CPU that the calling thread runs on. Registers the thread if possible. Returns a negative number if
 * the thread has no rseq. Async-signal-safe.
 */
static inline int rk_here_by_rseq(void)
{
	uint32_t cpu = (uint32_t)RK_CPU_ID_UNINITIALIZED;

	if (!RKI_NO_AREA)
		RKI_AREA_READ(cpu, 4);
	if (RKI_UNLIKELY((int32_t)cpu < 0) && RKI_LEAVE == RK_ABORTED)
		RKI_AREA_READ(cpu, 4); /* the thread has just been registered */
	return (int)cpu;
}

#endif /* RK_SRC_HERE_H */
