/* SPDX-License-Identifier: MIT */
/* thread.h - the inline functions of ../thread.h, and the slow paths that they call. */
#ifndef RSEQKIT_DETAIL_THREAD_H
#define RSEQKIT_DETAIL_THREAD_H

#include <rseqkit/thread.h>

RKI_BEGIN_DECLS

/*
 * The slow paths of the functions below, for a thread that isn't registered. Each may be called in the same contexts as the
 * function that calls it. A slow path registers the thread, or computes its result without rseq.
 */
RKI_API int rki_cpu_slow(void);
RKI_API int rki_cid_slow(void);

RKI_INLINE int rk_cpu(void)
{
	uint32_t cpu;

	if (RKI_NO_AREA)
		return rki_cpu_slow();
	RKI_AREA_READ(cpu, 4);
	if (RKI_UNLIKELY((int32_t)cpu < 0))
		return rki_cpu_slow();
	return (int)cpu;
}

RKI_INLINE int rk_cid(void)
{
	uint32_t cpu, cid;

	if (RKI_NO_AREA)
		return -1;
	RKI_AREA_READ(cpu, 4);
	if (RKI_UNLIKELY(cpu >= rk_cid_limit))
		return rki_cid_slow();
	RKI_AREA_READ(cid, 24);
	return (int)cid;
}

RKI_END_DECLS

#endif /* RSEQKIT_DETAIL_THREAD_H */
