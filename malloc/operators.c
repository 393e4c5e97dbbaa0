/* SPDX-License-Identifier: MIT */
/*
 * operators.c - the operators new and delete of C++, by the names that its ABI gives them on 64-bit machines.
 *
 * Where there is no memory the C++ library's own operator comes next: it finds none either, calls the handler that the
 * program has set, and throws what is to be thrown. So this needs no C++. Each is written with as many parameters as any
 * of them has; those that one hasn't are in registers, too, and nobody looks at them.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>

#define EXPORT __attribute__((__visibility__("default")))

typedef void *new_operator(size_t size, size_t alignment, const void *nothrow);

static new_operator *next(const char *name)
{
	new_operator *found = NULL;

	*(void **)&found = dlsym(RTLD_NEXT, name);
	if (found == NULL)
		abort();
	return found;
}

#define NEW(name, take)                                                                                                \
	EXPORT new_operator name;                                                                                      \
	void *name(size_t size, size_t alignment, const void *nothrow)                                                 \
	{                                                                                                              \
		void *object = (take);                                                                                 \
		return object != NULL ? object : next(#name)(size, alignment, nothrow);                                \
	}

NEW(_Znwm, malloc(size))
NEW(_Znam, malloc(size))
NEW(_ZnwmRKSt9nothrow_t, malloc(size))
NEW(_ZnamRKSt9nothrow_t, malloc(size))
NEW(_ZnwmSt11align_val_t, aligned_alloc(alignment, size))
NEW(_ZnamSt11align_val_t, aligned_alloc(alignment, size))
NEW(_ZnwmSt11align_val_tRKSt9nothrow_t, aligned_alloc(alignment, size))
NEW(_ZnamSt11align_val_tRKSt9nothrow_t, aligned_alloc(alignment, size))

/* Whatever else they are told: size, alignment, nothrow. */
#define DELETE(name)                                                                                                   \
	EXPORT void name(void *object);                                                                                \
	void name(void *object)                                                                                        \
	{                                                                                                              \
		free(object);                                                                                          \
	}

DELETE(_ZdlPv)
DELETE(_ZdaPv)
DELETE(_ZdlPvm)
DELETE(_ZdaPvm)
DELETE(_ZdlPvRKSt9nothrow_t)
DELETE(_ZdaPvRKSt9nothrow_t)
DELETE(_ZdlPvSt11align_val_t)
DELETE(_ZdaPvSt11align_val_t)
DELETE(_ZdlPvmSt11align_val_t)
DELETE(_ZdaPvmSt11align_val_t)
DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t)
DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t)
