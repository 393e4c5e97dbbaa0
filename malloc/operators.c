/* SPDX-License-Identifier: MIT */
/* operators.c - calls the C++ library's operators new if there is no memory; see operators.h. */
#define _GNU_SOURCE
#include "operators.h"

#include <stdint.h>
#include <string.h>
#include "classes.h"
#include "os/module.h"
#include "system.h"

struct search {
	const char *symbol;
	void *found;
};

/* Returns whether this file is GNU's C++ library, or one of the two parts of LLVM's. */
static bool is_library(const char *path)
{
	static const char *const names[] = {"libstdc++.so.6", "libc++abi.so.1", "libc++.so.1"};
	const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static int find_in_library(struct dl_phdr_info *info, size_t size, void *of)
{
	struct search *search = of;
	struct rk_module module;

	(void)size;
	if (is_library(info->dlpi_name) && rk_module_open(&module, info))
		search->found = rk_module_address(&module, rk_module_find(&module, search->symbol));
	return search->found != NULL;
}

/*
 * Finds the C++ library's operator. Doesn't call dlsym(RTLD_NEXT): the next definition can belong to another allocator, or the
 * C++ library may have been loaded with RTLD_LOCAL. Doesn't call dlopen(): it needs memory, and before the libc is initialised
 * it would initialise the libc without the environment.
 */
static void *find_operator(bool aligned, bool or_null)
{
	static const char *const names[2][2] = {{"_Znwm", "_ZnwmRKSt9nothrow_t"},
						{"_ZnwmSt11align_val_t", "_ZnwmSt11align_val_tRKSt9nothrow_t"}};
	struct search search = {names[aligned][or_null], NULL};

	(void)dl_iterate_phdr(find_in_library, &search);
	return search.found;
}

/* This function has nothing to clean up at its end, because the library's operator can throw an exception through it. */
void *operators_fail(size_t alignment, size_t size, bool or_null)
{
	union {
		void *found;
		/* All operators are called with three arguments. An operator with fewer parameters ignores the others. */
		void *(*call)(size_t size, uintptr_t second, const void *third);
	} new;
	bool aligned = alignment > FINE;

	new.found = find_operator(aligned, or_null);
	if (new.found != NULL)
		return new.call(size, aligned ? alignment : (uintptr_t)&new, &new);
	if (!or_null)
		system_die("no memory for operator new, and no C++ library to throw; bytes", (void *)(uintptr_t)size);
	return NULL;
}
