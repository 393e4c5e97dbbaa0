/* SPDX-License-Identifier: MIT */
/*
 * libc.c - finds the C library's area by the symbols that glibc 2.35 and later export.
 *
 * __rseq_size is used for nothing but zero or not: its meaning changed between releases. Zero with an offset is an
 * area that exists in every thread and isn't registered (tunable off, or the libc's own attempt failed).
 */
#include "libc.h"

#include <features.h>
#include "rendezvous.h"

#ifdef RK_IGNORE_LIBC_AREA
/* A stand-in for C libraries without an area, so that our own is exercised on every machine. */
bool rk_libc_area(ptrdiff_t *offset, bool *registers)
{
	*offset = 0;
	*registers = false;
	return false;
}
#else

#if defined(__GLIBC__) && defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 35)
#define LIBC_HAS_SYMBOLS 1
#endif
#endif

/*
 * Built against a libc that has them, the references are strong: with clang, lld, -flto and -fno-pie a weak one
 * resolves to null although the symbol is there. Otherwise the libc at run time may still be newer than the one at
 * build time.
 */
#ifdef LIBC_HAS_SYMBOLS
#include <sys/rseq.h>
#else
extern const ptrdiff_t __rseq_offset __attribute__((__weak__));
extern const unsigned int __rseq_size __attribute__((__weak__));
#endif

bool rk_libc_area(ptrdiff_t *offset, bool *registers)
{
#ifndef LIBC_HAS_SYMBOLS
	struct rk_rendezvous meeting;
#endif

	*offset = 0;
	*registers = false;
#ifndef LIBC_HAS_SYMBOLS
	if (&__rseq_offset == NULL || &__rseq_size == NULL)
		return false;
	/* They may be our own preloaded object's, see symbols.c: then copies have agreed on the area. */
	if (rk_rendezvous_look(&meeting) == 0 && meeting.offset == __rseq_offset)
		return false;
#endif
	/* Zero would be the thread pointer itself, which is never an area. */
	if (__rseq_offset == 0)
		return false;
	*offset = __rseq_offset;
	*registers = __rseq_size != 0;
	return true;
}
#endif
