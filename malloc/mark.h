/* SPDX-License-Identifier: MIT */
/* mark.h - the mark in the second word of each free object, by which the allocator finds that an object is freed twice. */
#ifndef MALLOC_MARK_H
#define MALLOC_MARK_H

#include <rseqkit/api.h>
#include <stdbool.h>
#include <stdint.h>
#include "system.h"

#pragma GCC visibility push(hidden)

/* The second word of a free object is this key, combined with the object's address. */
extern uintptr_t mark_key;

/* Chooses the key. Runs before the first object is allocated. */
void mark_begin(void);

static inline uintptr_t *mark_of(void *object)
{
	return (uintptr_t *)object + 1;
}

/* Marks an object as free, without reading its memory, which isn't always in the processor's cache. */
static inline void mark_free(void *object)
{
	*mark_of(object) = (uintptr_t)object ^ mark_key;
}

static inline bool mark_is_there(void *object)
{
	return *mark_of(object) == ((uintptr_t)object ^ mark_key);
}

/*
 * Removes the mark of an object that is handed out. If the mark isn't there, ends the process, because the program may use the
 * object already.
 */
static inline void mark_used(void *object)
{
	if (RKI_UNLIKELY(!mark_is_there(object)))
		system_die("freed twice, or written to after it was freed", object);
	*mark_of(object) = 0;
}

#pragma GCC visibility pop

#endif /* MALLOC_MARK_H */
