/* SPDX-License-Identifier: MIT */
/*
 * libc.c - finds the C library's area (struct rseq) by the symbols that glibc 2.35 and later export.
 *
 * This file only tests whether __rseq_size is zero, because the meaning of other values changed between releases. If
 * __rseq_size is 0 and __rseq_offset isn't, every thread has an area that isn't registered: glibc.pthread.rseq is 0, or the
 * libc's own attempt to register failed.
 *
 * The symbols belong to the dynamic linker, and this file refers to them only weakly. A strong reference would make the linker
 * write the dynamic linker into the list of libraries that this module needs (DT_NEEDED). Then the dynamic linker would come
 * earlier in look-up order. A component after it, such as librseq, would miss the symbols, because it looks for them by
 * dlsym(RTLD_NEXT). The references are those of rseqkit/embed.h, which also work in programs that aren't position independent,
 * and with link-time optimisation.
 *
 * If the references aren't bound, the names are looked up in the loaded modules. This happens if the libc has no such symbols.
 * It also happens in a program that isn't position independent and has a weak reference of its own to a symbol.
 */
#define _GNU_SOURCE
#include "libc.h"

#include "os/module.h"
#include "os/modules.h"
#include "rendezvous.h"

#ifdef RK_IGNORE_LIBC_AREA
/* Acts as if the C library had no area, so that our own area is tested on every machine. */
bool rk_libc_area(ptrdiff_t *offset, bool *registers)
{
	*offset = 0;
	*registers = false;
	return false;
}

bool rk_libc_is_bound_and_registers(void)
{
	return false;
}
#else
#include <rseqkit/embed.h>

/* Both pointers are NULL if the symbols aren't found. */
struct symbols {
	const ptrdiff_t *offset;
	const unsigned int *size;
};

/*
 * Returns the addresses that the dynamic linker has bound. Doesn't call the dynamic linker. With musl this module can have the
 * symbols itself (preload_symbols.c), so there the modules are searched.
 */
static struct symbols bound_symbols(void)
{
	struct symbols symbols = {NULL, NULL};

#ifdef __GLIBC__
	RKE_ADDRESS_OF(__rseq_offset, symbols.offset);
	RKE_ADDRESS_OF(__rseq_size, symbols.size);
#endif
	return symbols;
}

static bool are_found(const struct symbols *symbols)
{
	return symbols->offset != NULL && symbols->size != NULL;
}

static int look_in_module(struct dl_phdr_info *info, size_t size, void *result)
{
	struct symbols *symbols = result;
	struct rk_module module;

	(void)size;
	if (!rk_module_open(&module, info))
		return 0;
	if (symbols->offset == NULL)
		symbols->offset = rk_module_address(&module, rk_module_find(&module, "__rseq_offset"));
	if (symbols->size == NULL)
		symbols->size = rk_module_address(&module, rk_module_find(&module, "__rseq_size"));
	return are_found(symbols);
}

/*
 * In a static program the search finds nothing: such a program has no symbols to look up. But there the linker binds the
 * references, because glibc's own code needs the object that defines the symbols.
 */
static bool find_area(ptrdiff_t *offset, bool *registers)
{
	struct symbols symbols = bound_symbols();
#ifndef __GLIBC__
	struct rk_rendezvous meeting;
#endif

	if (!are_found(&symbols) && rk_modules_each(look_in_module, &symbols) == 0)
		return false;
#ifndef __GLIBC__
	/*
	 * The symbols can be those of our own preloaded object (preload_symbols.c). In that case the rendezvous page
	 * (rendezvous.h) has the same offset, and the libc has no area.
	 */
	if (rk_rendezvous_look(&meeting) == 0 && meeting.offset == *symbols.offset)
		return false;
#endif
	*offset = *symbols.offset;
	*registers = *symbols.size != 0;
	return true;
}

bool rk_libc_is_bound_and_registers(void)
{
	struct symbols symbols = bound_symbols();

	return are_found(&symbols) && *symbols.offset != 0 && *symbols.size != 0;
}

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
