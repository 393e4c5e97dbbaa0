/* SPDX-License-Identifier: MIT */
/* thread_pointer.h - reads the thread pointer, and finds a thread's area (struct rseq) by its offset from the thread pointer. */
#ifndef RK_SRC_THREAD_POINTER_H
#define RK_SRC_THREAD_POINTER_H

#include <rseqkit/abi.h>

static inline char *rk_thread_pointer(void)
{
#if defined(__x86_64__)
	char *pointer;

	__asm__("mov %%fs:0, %0" : "=r"(pointer));
	return pointer;
#elif defined(__i386__)
	char *pointer;

	__asm__("mov %%gs:0, %0" : "=r"(pointer));
	return pointer;
#else
	return (char *)__builtin_thread_pointer();
#endif
}

/* Returns the calling thread's area at this offset. */
static inline volatile struct rk_area *rk_area_at(ptrdiff_t offset)
{
	return (volatile struct rk_area *)(rk_thread_pointer() + offset);
}

#endif /* RK_SRC_THREAD_POINTER_H */
