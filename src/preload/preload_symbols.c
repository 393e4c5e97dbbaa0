/* SPDX-License-Identifier: MIT */
/*
 * preload_symbols.c - defines __rseq_offset, __rseq_size and __rseq_flags in librseqkit-preload.so, for C libraries that
 * don't define these symbols.
 *
 * Some programs and modules look for a thread's area (struct rseq) by these names of the C library. By the definitions in this
 * file, they find the area that the preloaded object keeps registered in every thread.
 *
 * Such programs declare the symbols const. In this file the symbols name variables in writable memory, as in thread/area.c. Until
 * this file's constructor has run, __rseq_size is 0, which says that no thread is registered. The constructor runs after the
 * constructor in thread/thread.c, which has to look for early adopters (thread/early.h) before the process's area is decided.
 * This file's constructor also runs before the program's constructors, so these see only the final values.
 */
#include <rseqkit/thread.h>

#include "thread/process.h"

RKI_EXPORT ptrdiff_t published_offset __asm__("__rseq_offset");
RKI_EXPORT unsigned int published_size __asm__("__rseq_size");
RKI_EXPORT unsigned int published_flags __asm__("__rseq_flags");

ptrdiff_t published_offset;
unsigned int published_size;
unsigned int published_flags; /* the registration has no flags */

__attribute__((__constructor__(RK_FIRST_OF_ALL + 1))) static void publish_symbols(void)
{
	if (rk_thread_prepare() != 0)
		return;
	__atomic_store_n(&published_offset, rk_process_get()->offset, __ATOMIC_RELAXED);
	__atomic_store_n(&published_size, rk_process_get()->valid, __ATOMIC_RELEASE);
}
