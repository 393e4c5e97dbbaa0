/* SPDX-License-Identifier: MIT */
/*
 * libc.c - finds the C library's area by the symbols that glibc 2.35 and later export.
 *
 * __rseq_size is used for nothing but zero or not: its meaning changed between releases. Zero with an offset is an
 * area that exists in every thread and isn't registered (tunable off, or the libc's own attempt failed).
 */
#define _GNU_SOURCE
#include "libc.h"

#include "os/module.h"
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

#ifdef RK_LIBC_HAS_SYMBOLS
#include <sys/rseq.h>

static bool find_area(ptrdiff_t *offset, bool *registers)
{
	*offset = __rseq_offset;
	*registers = __rseq_size != 0;
	return true;
}
#else
struct symbols {
	const ptrdiff_t *offset;
	const unsigned int *size;
};

static int look_in_module(struct dl_phdr_info *info, size_t size, void *result)
{
	struct symbols *symbols = result;
	struct rk_module module;

	(void)size;
	if (!rk_module_open_loaded(&module, info))
		return 0;
	if (symbols->offset == NULL)
		symbols->offset = rk_module_address(&module, rk_module_find(&module, "__rseq_offset"));
	if (symbols->size == NULL)
		symbols->size = rk_module_address(&module, rk_module_find(&module, "__rseq_size"));
	return symbols->offset != NULL && symbols->size != NULL;
}

/* A static program has the libc that it was built with, and nothing to look up. */
static bool find_area(ptrdiff_t *offset, bool *registers)
{
	struct symbols symbols = {NULL, NULL};
	struct rk_rendezvous meeting;

	if (dl_iterate_phdr(look_in_module, &symbols) == 0)
		return false;
	/* They may be our own preloaded object's, see symbols.c: then copies have agreed on the area. */
	if (rk_rendezvous_look(&meeting) == 0 && meeting.offset == *symbols.offset)
		return false;
	*offset = *symbols.offset;
	*registers = *symbols.size != 0;
	return true;
}
#endif

bool rk_libc_area(ptrdiff_t *offset, bool *registers)
{
	*offset = 0;
	*registers = false;
	/* Zero would be the thread pointer itself, which is never an area. */
	if (find_area(offset, registers) && *offset != 0)
		return true;
	*registers = false;
	return false;
}
#endif
