/* SPDX-License-Identifier: MIT */
/*
 * heap.h - the slow ways of malloc.c: what the caches don't have.
 */
#ifndef MALLOC_HEAP_H
#define MALLOC_HEAP_H

#include <rseqkit/cache.h>
#include <stdbool.h>
#include "classes.h"
#include "system.h"

#pragma GCC visibility push(hidden)

/* Of each class, and of the class of each size; NULL until it is used, and where none can be made. */
extern struct rk_cache *heap_caches[CLASSES];
extern struct rk_cache *heap_fine[FINE_MAX / FINE + 1];

/* What the second word of an object says, with its address, while it is free. */
extern uintptr_t heap_key;

static inline uintptr_t *heap_mark(void *object)
{
	return (uintptr_t *)object + 1;
}

/* Marks an object as free. Ends the process if it was. */
static inline void heap_mark_free(void *object)
{
	uintptr_t mark = (uintptr_t)object ^ heap_key;

	if (RKI_UNLIKELY(*heap_mark(object) == mark))
		system_die("freed twice", object);
	*heap_mark(object) = mark;
}

/* An object of a class whose cache isn't there, or has none. NULL if there is no memory. */
void *heap_take(unsigned class) __attribute__((__cold__));

/* Gives back what malloc.c's fast way doesn't: an object without a cache, a large one, or no object at all. */
void heap_give(void *object);

/* How objects are had: of caches, or without any. */
enum heap_mode {
	HEAP_UNUSED,
	HEAP_CACHED,
	HEAP_LIMITED, /* a limit on address space is too low for them */
	HEAP_LACKING  /* there was no memory or address space for one, and it is tried again */
};
enum heap_mode heap_mode(void);

/* Bytes of small objects that are free, in caches and spans. */
size_t heap_idle(void);

/* Gives back to the system what can be given. True if it was something. */
bool heap_trim(size_t keep);

#pragma GCC visibility pop

#endif /* MALLOC_HEAP_H */
