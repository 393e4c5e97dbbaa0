/* SPDX-License-Identifier: MIT */
/* slice.h - the inline functions of ../slice.h, and the slow paths that they call. */
#ifndef RSEQKIT_DETAIL_SLICE_H
#define RSEQKIT_DETAIL_SLICE_H

#include <rseqkit/slice.h>

RKI_BEGIN_DECLS

/*
 * The slow paths of the functions below. Each may be called in the same contexts as the function that calls it.
 * rki_slice_begin_slow() makes the thread's first request. rki_slice_end_slow() ends a request that the kernel has cleared,
 * because it granted time or preempted the thread.
 */
RKI_API int rki_slice_begin_slow(void);
RKI_API void rki_slice_end_slow(void);

RKI_INLINE int rk_slice_begin(void)
{
#ifdef RK_SLICE_CHECKED
	return rk_slice_begin_checked();
#else
	uint32_t flags, control;

	if (RKI_NO_AREA)
		return 0;
	RKI_AREA_READ(flags, 16);
	if (RKI_LIKELY((flags & (RK_AREA_SLICE_AVAILABLE | RK_AREA_SLICE_ENABLED)) == 0)) {
		RKI_AREA_READ(control, 4);
		return RKI_UNLIKELY((int32_t)control < 0) ? rki_slice_begin_slow() : 0; /* not registered yet? */
	}
	if (RKI_UNLIKELY((flags & RK_AREA_SLICE_ENABLED) == 0))
		return rki_slice_begin_slow();
	RKI_AREA_READ(control, 28);
	if (control != 0)
		return 0;
	RKI_AREA_STORE_BYTE(28, 1);
	return 1;
#endif
}

/*
 * When the kernel grants time, it clears the request. It also clears the request when it preempts the thread. If the kernel
 * granted time before it preempted the thread, it remembers the grant until the thread's next system call. If the request is
 * gone, this function makes a system call, after which the kernel has forgotten the grant. Without this call, the first system
 * call inside a later region would only end the old grant.
 */
RKI_INLINE void rk_slice_end(int requested)
{
#ifdef RK_SLICE_CHECKED
	rk_slice_end_checked(requested);
#else
	uint32_t before, after;

	if (!requested)
		return;
	RKI_AREA_READ(before, 28);
	RKI_AREA_STORE_BYTE(28, 0);
	RKI_AREA_READ(after, 28);
	if (RKI_UNLIKELY(before == 0 || after != 0))
		rki_slice_end_slow();
#endif
}

RKI_END_DECLS

#endif /* RSEQKIT_DETAIL_SLICE_H */
