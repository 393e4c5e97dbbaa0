/* SPDX-License-Identifier: MIT */
/* operators.c - see operators.h. */
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

/*
 * The library's operators, by alignment and by what they do without memory. If the program was started with a library, they are
 * found at the start, because dlopen() needs memory. A library that is loaded later is searched when it is needed.
 */
static void *operators[2][2];

static void find_operators(void)
{
	static const char *const names[2][2] = {{"_Znwm", "_ZnwmRKSt9nothrow_t"},
						{"_ZnwmSt11align_val_t", "_ZnwmSt11align_val_tRKSt9nothrow_t"}};

	for (int i = 0; i < 4; i++)
		operators[i / 2][i % 2] = in_library(names[i / 2][i % 2]);
}

void __cxa_throw(void) __attribute__((__weak__)); /* each C++ library has it */

static void __attribute__((__constructor__)) find_at_start(void)
{
	if (__cxa_throw != NULL)
		find_operators();
}

/* This function keeps nothing in memory, because the library's operator possibly leaves it by an exception. */
void *operators_fail(size_t alignment, size_t size, bool or_null)
{
	union {
		void *found;
		/* An operator ignores arguments that it doesn't have. */
		void *(*call)(size_t size, uintptr_t second, const void *third);
	} new;
	bool aligned = alignment > FINE;

	if (operators[aligned][or_null] == NULL)
		find_operators();
	new.found = operators[aligned][or_null];
	if (new.found != NULL)
		return new.call(size, aligned ? alignment : (uintptr_t)&new, &new);
	if (!or_null)
		system_die("no memory for operator new, and no C++ library to throw; bytes", (void *)(uintptr_t)size);
	return NULL;
}
