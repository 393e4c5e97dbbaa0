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
void rk_pin_this_module(void)
{
	static const char here; /* something of this very module, whatever symbols are bound to */
	void *(*open_module)(const char *, int);
	Dl_info info;

	if (dlsym == NULL || dladdr == NULL || dladdr(&here, &info) == 0 || info.dli_fname == NULL)
		return;
	*(void **)&open_module = dlsym(RTLD_DEFAULT, "dlopen");
	/* By its own name, as it is loaded already; for the program itself that fails, and doesn't matter. */
	if (open_module != NULL)
		(void)open_module(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}
#endif
