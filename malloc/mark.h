/* SPDX-License-Identifier: MIT */
/* mark.h - the mark that tells a free object from one in use. */
#ifndef MALLOC_MARK_H
#define MALLOC_MARK_H

#include <rseqkit/api.h>
#include <stdint.h>
#include "system.h"

#pragma GCC visibility push(hidden)

/* The second word of a free object is this key, combined with the object's address. */
extern uintptr_t heap_key;

static inline uintptr_t *heap_mark(void *object)
{
	return (uintptr_t *)object + 1;
}

/* Marks an object as free. Ends the process if the object is already marked. */
static inline void heap_mark_free(void *object)
{
	uintptr_t mark = (uintptr_t)object ^ heap_key;

	if (RKI_UNLIKELY(*heap_mark(object) == mark))
		system_die("freed twice", object);
	*heap_mark(object) = mark;
}

#pragma GCC visibility pop

#endif /* MALLOC_MARK_H */
