/* SPDX-License-Identifier: MIT */
/* operators.c - see operators.h. The symbols of the C++ library are searched only after an allocation has failed. */
#include "operators.h"

#include <dlfcn.h>
#include <stdint.h>
#include "classes.h"
#include "system.h"

/* GNU's library, and both parts of LLVM's. A program that was started without them possibly loads one later. */
static const char *const libraries[] = {"libstdc++.so.6", "libc++abi.so.1", "libc++.so.1"};

/*
 * Not by dlsym(RTLD_NEXT): the next definition possibly belongs to another allocator, or its library was loaded with RTLD_LOCAL.
 */
static void *in_library(const char *symbol)
{
	void *found = NULL;

	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]) && found == NULL; i++) {
		void *library = dlopen(libraries[i], RTLD_LAZY | RTLD_NOLOAD);

		if (library == NULL)
			continue;
		found = dlsym(library, symbol);
		(void)dlclose(library); /* the library stays loaded: code of the program is about to return to it */
	}
	return found;
}

/* No function of this file keeps anything in memory, because the library's operator possibly leaves it by an exception. */
void *operators_fail(size_t alignment, size_t size, bool or_null)
{
	union {
		void *found;
		void *(*plain)(size_t size);
		void *(*aligned)(size_t size, size_t alignment);
		void *(*plain_or_null)(size_t size, const void *nothrow);
		void *(*aligned_or_null)(size_t size, size_t alignment, const void *nothrow);
	} of;
	bool aligned = alignment > FINE;

	of.found = in_library(or_null ? aligned ? "_ZnwmSt11align_val_tRKSt9nothrow_t" : "_ZnwmRKSt9nothrow_t" :
			      aligned ? "_ZnwmSt11align_val_t" :
					"_Znwm");
	if (of.found == NULL && !or_null)
		system_die("no memory for operator new, and no C++ library to throw; bytes", (void *)(uintptr_t)size);
	if (of.found == NULL)
		return NULL;
	if (or_null)
		return aligned ? of.aligned_or_null(size, alignment, &of) : of.plain_or_null(size, &of);
	return aligned ? of.aligned(size, alignment) : of.plain(size);
}
