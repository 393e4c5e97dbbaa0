/* SPDX-License-Identifier: MIT */
/*
 * pin.c - keeps the module that this copy of the library is in from being unloaded.
 *
 * A module's memory is still used by the kernel after the module's last instruction: its TLS holds the registered
 * area where the libc has none, and a thread's rseq_cs may go on pointing to a descriptor in it until that thread is
 * preempted the next time, when the kernel reads it. A copy may sit in a plugin that its program unloads, so the copy
 * sees to it itself. On musl nothing is ever unloaded, and a dlopen here would hide from rk_block_is_static() that
 * other modules were loaded at start.
 */
#define _GNU_SOURCE
#include "pin.h"

#include <dlfcn.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Weak, and dlopen by name: a static program has nothing to unload, and a reference to dlopen would make every static
 * link warn.
 */
#pragma weak dlsym
#pragma weak dladdr

#ifndef __GLIBC__
void rk_pin_this_module(void) {}
#else
/* This very module's, made by the linker; a static program may have none. */
extern ElfW(Dyn) _DYNAMIC[] __attribute__((__weak__, __visibility__("hidden")));

/*
 * Linked with -z nodelete, as librseqkit.so is. In the preloaded object, which is initialised before the libc, a dlopen
 * would do harm: it would initialise the libc as well, without the arguments and the environment.
 */
static bool stays_loaded(void)
{
	for (const ElfW(Dyn) *entry = _DYNAMIC; entry != NULL && entry->d_tag != DT_NULL; entry++)
		if (entry->d_tag == DT_FLAGS_1)
			return (entry->d_un.d_val & DF_1_NODELETE) != 0;
	return false;
}

void rk_pin_this_module(void)
{
	static const char here; /* something of this very module, whatever symbols are bound to */
	void *(*open_module)(const char *, int);
	Dl_info info;

	if (stays_loaded() || dlsym == NULL || dladdr == NULL || dladdr(&here, &info) == 0 || info.dli_fname == NULL)
		return;
	*(void **)&open_module = dlsym(RTLD_DEFAULT, "dlopen");
	/* By its own name, as it is loaded already; for the program itself that fails, and doesn't matter. */
	if (open_module != NULL)
		(void)open_module(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}
#endif
