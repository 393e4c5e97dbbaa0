/* SPDX-License-Identifier: MIT */
/*
 * preload_symbols.c - __rseq_offset, __rseq_size and __rseq_flags, in librseqkit-preload.so, for C libraries without them:
 * programs and modules that look for an area by the C library's names find the one that the preloaded object keeps
 * registered in every thread.
 *
 * Their users declare them const; here they are variables under the same symbols, in writable memory, for the reason
 * that area.c gives. Until the constructor they say "not registered": size 0. It follows the library's own, which has
 * to look for an early adopter before anything is decided, and is ahead of the program's, which see nothing else.
 */
#include <rseqkit/thread.h>

#include "thread/process.h"

RKI_API ptrdiff_t offset __asm__("__rseq_offset");
RKI_API unsigned int size __asm__("__rseq_size");
RKI_API unsigned int flags __asm__("__rseq_flags");

ptrdiff_t offset;
unsigned int size;
unsigned int flags; /* of the registration: none */

__attribute__((__constructor__(RK_FIRST_OF_ALL + 1))) static void publish_symbols(void)
{
	if (rk_thread_prepare() != 0)
		return;
	__atomic_store_n(&offset, rk_process_get()->offset, __ATOMIC_RELAXED);
	__atomic_store_n(&size, rk_process_get()->valid, __ATOMIC_RELEASE);
}
