/* SPDX-License-Identifier: MIT */
/*
 * pin.c - keeps the module that this copy of the library is in from being unloaded.
 *
 * A module's memory is still used by the kernel after the module's last instruction: its TLS holds the registered
 * area where the libc has none, and a thread's rseq_cs may go on pointing to a descriptor in it until that thread is
 * preempted the next time, when the kernel reads it. A copy may sit in a plugin that its program unloads, so the copy
 * sees to it itself.
 */
#define _GNU_SOURCE
#include "pin.h"

#include <dlfcn.h>
#include <stddef.h>

/*
 * Weak: a static program that doesn't use dlopen has none, and nothing to unload either; a strong reference would
 * make every static link warn.
 */
#pragma weak dlopen
#pragma weak dladdr

void rk_pin_this_module(void)
{
	static const char here; /* something of this very module, whatever symbols are bound to */
	Dl_info info;

	if (dlopen == NULL || dladdr == NULL || dladdr(&here, &info) == 0 || info.dli_fname == NULL)
		return;
	/* By its own name, as it is loaded already; for the program itself that fails, and doesn't matter. */
	(void)dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}
