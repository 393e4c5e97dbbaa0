/* SPDX-License-Identifier: MIT */
/* thread_pointer.h - reads the thread pointer, and finds a thread's area (struct rseq) by its offset from the thread pointer. */
#ifndef RK_SRC_THREAD_POINTER_H
#define RK_SRC_THREAD_POINTER_H

#include <rseqkit/abi.h>

/*
 * Each call reads the thread pointer anew, because a fiber can continue in another thread. Otherwise the compiler could use an
 * earlier result, if this function is inlined into the fiber's function.
 */
static inline char *rk_thread_pointer(void)
{
#if defined(__x86_64__)
	char *pointer;

	__asm__ __volatile__("mov {%%fs:0, %0|%0, fs:[0]}" : "=r"(pointer));
	return pointer;
#elif defined(__i386__)
	char *pointer;

	__asm__ __volatile__("mov {%%gs:0, %0|%0, gs:[0]}" : "=r"(pointer));
	return pointer;
#elif defined(__aarch64__)
	char *pointer;

	__asm__ __volatile__("mrs %x0, tpidr_el0" : "=r"(pointer));
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
