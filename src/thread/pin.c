/* SPDX-License-Identifier: MIT */
/*
 * pin.c - prevents the unloading of the module that this copy of the library is in.
 *
 * The kernel can still use a module's memory after the module's last instruction has run. If the libc has no area (struct
 * rseq), the registered area can be in the module's TLS. Also, a thread's rseq_cs can point to a descriptor in the module until
 * the thread is preempted the next time. At that preemption, the kernel reads the descriptor.
 *
 * A copy can be in a plugin that the program unloads, so the copy itself prevents the unloading. A module that has only
 * inlined operations does the same by a constructor, which calls rk_pin_module(). The first operation in a source file brings
 * this constructor with it (arch/section.h). On musl no module is ever unloaded, so this file does nothing there. A call of
 * dlopen() would even do harm on musl: rk_block_is_static() couldn't see any more that a module was loaded at start.
 */
#define _GNU_SOURCE
#include "pin.h"

#include <rseqkit/slot.h>

#include <dlfcn.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include "os/kernel.h"

/*
 * The references to these two functions are weak, and dlopen() is looked up by name. In a static program there is nothing to
 * unload, and a reference to dlopen would cause a warning at every static link.
 */
#pragma weak dlsym
#pragma weak dladdr

/*
 * The assembly code of operations calls rk_pin_module(). Link-time optimisation doesn't see this call, and would drop the
 * function without this attribute.
 */
#define CALLED_BY_ASSEMBLY __attribute__((__used__))

#ifndef __GLIBC__
void rk_pin_this_module(void) {}

CALLED_BY_ASSEMBLY void rk_pin_module(const void *here)
{
	(void)here;
}
#else
/* This module's dynamic section, made by the linker. A static program may have none. */
extern ElfW(Dyn) dynamic_section[] __asm__("_DYNAMIC") __attribute__((__weak__, __visibility__("hidden")));

/*
 * Returns whether this module was linked with -z nodelete, as librseqkit.so and the preloaded object are. The preloaded
 * object is initialised before the libc. A dlopen() at that time would do harm: it would initialise the libc without the
 * program's arguments and environment.
 */
static bool stays_loaded(void)
{
	for (const ElfW(Dyn) *entry = dynamic_section; entry != NULL && entry->d_tag != DT_NULL; entry++)
		if (entry->d_tag == DT_FLAGS_1)
			return (entry->d_un.d_val & DF_1_NODELETE) != 0;
	return false;
}

/*
 * Returns whether the module is the program itself. The program has no name that dlopen() would find, and stays loaded
 * anyway.
 */
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
	/* The module is loaded already, so its own name finds it. */
	if (open_module != NULL)
		(void)open_module(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
	errno = saved;
}

void rk_pin_this_module(void)
{
	static const char here; /* an address in this module; the address of a global symbol could be in another module */

	if (!stays_loaded())
		rk_pin_module(&here);
}
#endif
