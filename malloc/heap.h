/* SPDX-License-Identifier: MIT */
/*
 * heap.h - the slow ways of malloc.c: what the caches don't have.
 */
#ifndef MALLOC_HEAP_H
#define MALLOC_HEAP_H

#include <rseqkit/cache.h>
#include <stdbool.h>
#include "classes.h"
#include "mode.h"

#pragma GCC visibility push(hidden)

/* Of each class, and of the class of each size; NULL until it is used, and where none can be made. */
extern struct rk_cache *heap_caches[CLASSES];
extern struct rk_cache *heap_fine[FINE_MAX / FINE + 1];

/* An object of a class whose cache isn't there, or has none. NULL if there is no memory. */
void *heap_take(unsigned class) __attribute__((__cold__));

/* Gives back what malloc.c's fast way doesn't: an object without a cache, a large one, or no object at all. */
void heap_give(void *object);

/* How objects are had by now. */
enum heap_mode heap_mode(void);

/* Bytes of small objects that are free, in caches and spans. */
size_t heap_idle(void);

/* Gives back to the system what can be given. True if it was something. */
bool heap_trim(size_t keep);

#pragma GCC visibility pop

#endif /* MALLOC_HEAP_H */
