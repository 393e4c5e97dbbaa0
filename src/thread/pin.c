/* SPDX-License-Identifier: MIT */
/*
 * pin.c - keeps the module that this copy of the library is in from being unloaded.
 *
 * A module's memory is still used by the kernel after the module's last instruction: its TLS holds the registered
 * area where the libc has none, and a thread's rseq_cs may go on pointing to a descriptor in it until that thread is
 * preempted the next time, when the kernel reads it. A copy may sit in a plugin that its program unloads, so the copy
 * sees to it itself. So does a module that has nothing but inlined operations: their first brings a constructor along,
 * which calls rk_pin_module() (arch/section.h). On musl nothing is ever unloaded, and a dlopen here would hide from
 * rk_block_is_static() that other modules were loaded at start.
 */
#define _GNU_SOURCE
#include "pin.h"

#include <rseqkit/ops.h>

#include <dlfcn.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include "os/kernel.h"

/*
 * Weak, and dlopen by name: a static program has nothing to unload, and a reference to dlopen would make every static
 * link warn.
 */
#pragma weak dlsym
#pragma weak dladdr

/* Operations call it from assembly, where link-time optimisation doesn't see it: without this it would drop the function. */
#define CALLED_BY_ASSEMBLY __attribute__((__used__))

#ifndef __GLIBC__
void rk_pin_this_module(void) {}

CALLED_BY_ASSEMBLY void rk_pin_module(const void *here)
{
	(void)here;
}
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

/* Is that the program itself? It has no name that dlopen() would find it under, and stays anyway. */
static bool is_program(const Dl_info *module)
{
	Dl_info program;

	return dladdr((const void *)rk_auxiliary(AT_PHDR), &program) != 0 && program.dli_fbase == module->dli_fbase;
}

CALLED_BY_ASSEMBLY void rk_pin_module(const void *here)
{
	void *(*open_module)(const char *, int);
	int saved = errno;
	Dl_info info;

	if (dlsym == NULL || dladdr == NULL || dladdr(here, &info) == 0 || info.dli_fname == NULL || is_program(&info))
		return;
	*(void **)&open_module = dlsym(RTLD_DEFAULT, "dlopen");
	/* By its own name, as it is loaded already. */
	if (open_module != NULL)
		(void)open_module(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
	errno = saved;
}

void rk_pin_this_module(void)
{
	static const char here; /* something of this very module, whatever symbols are bound to */

	if (!stays_loaded())
		rk_pin_module(&here);
}
#endif
