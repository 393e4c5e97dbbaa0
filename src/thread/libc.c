/* SPDX-License-Identifier: MIT */
/*
 * libc.c - finds the C library's area (struct rseq) by the symbols that glibc 2.35 and later export.
 *
 * This file only tests whether __rseq_size is zero, because the meaning of other values changed between releases. If
 * __rseq_size is 0 and __rseq_offset isn't, every thread has an area that isn't registered: glibc.pthread.rseq is 0, or the
 * libc's own attempt to register failed.
 */
#define _GNU_SOURCE
#include "libc.h"

#include "os/module.h"
#include "rendezvous.h"

#ifdef RK_IGNORE_LIBC_AREA
/* Acts as if the C library had no area, so that our own area is tested on every machine. */
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

/*
 * In a static program this function finds nothing: the program contains the libc that it was built with, and no symbols to
 * look up.
 */
static bool find_area(ptrdiff_t *offset, bool *registers)
{
	struct symbols symbols = {NULL, NULL};
	struct rk_rendezvous meeting;

	if (dl_iterate_phdr(look_in_module, &symbols) == 0)
		return false;
	/*
	 * Possibly the symbols are those of our own preloaded object (preload_symbols.c). In that case the rendezvous page
	 * (rendezvous.h) has the same offset, and the libc has no area.
	 */
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
	/* Offset 0 would be the thread pointer itself, which is never an area. */
	if (find_area(offset, registers) && *offset != 0)
		return true;
	*registers = false;
	return false;
}
#endif
