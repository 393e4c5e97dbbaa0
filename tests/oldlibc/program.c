/* SPDX-License-Identifier: MIT */
/*
 * program.c - who registers threads, as embed.h sees it, and as the library does. Built as against a libc without rseq.
 *
 * Says first what a weak reference in C finds, which is what this is about: "weak null" where the linker has spoilt it.
 */
#include <stddef.h>
#include <stdio.h>

#include <rseqkit/embed.h>
#include <rseqkit/thread.h>

extern const ptrdiff_t weak_offset __asm__("__rseq_offset") __attribute__((__weak__));

int main(void)
{
	int r = rke_thread_register();

	printf("embed.h %d, library %d, registered %d, weak %s\n", (int)rke_thread_owner(), (int)rk_thread_owner(), r,
#ifdef WEAK
	       &weak_offset == NULL ? "null" : "found");
#else
	       "unasked");
#endif
	return 0;
}
