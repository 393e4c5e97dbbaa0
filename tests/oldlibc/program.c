/* SPDX-License-Identifier: MIT */
/*
 * program.c - prints which component registers threads according to embed.h, and according to the library. This program is built
 * as if the libc had no rseq.
 *
 * With -DWEAK it also prints what a weak reference in C finds: "weak found", or "weak null" if the linker has broken the
 * reference. Without -DWEAK it prints "weak unasked".
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
