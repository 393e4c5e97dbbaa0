/* SPDX-License-Identifier: MIT */
/* thread_pointer.h - reads the thread pointer, and finds a thread's area (struct rseq) by its offset from the thread pointer. */
#ifndef RK_SRC_THREAD_POINTER_H
#define RK_SRC_THREAD_POINTER_H

#include <rseqkit/abi.h>

/* Each call reads the thread pointer anew, because a fiber can continue in another thread. */
static inline char *rk_thread_pointer(void)
{
	char *pointer;

	RKI_READ_THREAD_POINTER(pointer);
	return pointer;
}

/* Returns the calling thread's area at this offset. */
static inline volatile struct rk_area *rk_area_at(ptrdiff_t offset)
{
	return (volatile struct rk_area *)(rk_thread_pointer() + offset);
}

#endif /* RK_SRC_THREAD_POINTER_H */
