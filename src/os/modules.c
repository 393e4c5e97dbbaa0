/* SPDX-License-Identifier: MIT */
/* modules.c - finds the modules that are loaded, by the C library's own dl_iterate_phdr(); see modules.h. */
#define _GNU_SOURCE
#include "modules.h"

#include <dlfcn.h>
#include <stdint.h>
#include "module.h"

typedef int each_module(int (*look)(struct dl_phdr_info *, size_t, void *), void *data);

static each_module *libcs_iterator; /* NULL until it is looked up, and if it isn't found */

int rk_modules_each(int (*look)(struct dl_phdr_info *module, size_t size, void *data), void *data)
{
	each_module *iterate = __atomic_load_n(&libcs_iterator, __ATOMIC_RELAXED);

	return iterate != NULL ? iterate(look, data) : dl_iterate_phdr(look, data);
}

#if defined(__has_feature)
#if __has_feature(memory_sanitizer) || __has_feature(thread_sanitizer)
#define IS_WATCHED /* the sanitizer has to see what dl_iterate_phdr() writes */
#endif
#endif
#if defined(__GLIBC__) && !defined(IS_WATCHED) && !defined(__SANITIZE_THREAD__)
#pragma weak dlsym /* a static program has no dlsym() and no dladdr1() */
#pragma weak dladdr1

/* Searches the module that has another function of the libc, which is interposed by no program. */
void rk_modules_look_up(void)
{
	void *of_libc = dlsym != NULL ? dlsym(RTLD_DEFAULT, "gnu_get_libc_version") : NULL, *found = NULL;
	struct rk_module module;
	Dl_info info;

	/* Programs interpose dladdr(), but not dladdr1(). */
	if (of_libc == NULL || dladdr1 == NULL || dladdr1(of_libc, &info, &found, RTLD_DL_LINKMAP) == 0 ||
	    !rk_module_open_image(&module, info.dli_fbase))
		return;
	found = rk_module_address(&module, rk_module_find(&module, "dl_iterate_phdr"));
	__atomic_store_n(&libcs_iterator, (each_module *)(uintptr_t)found, __ATOMIC_RELAXED);
}
#else
void rk_modules_look_up(void) {}
#endif
