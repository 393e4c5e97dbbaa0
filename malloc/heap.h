/* SPDX-License-Identifier: MIT */
/*
 * heap.h - the slow paths of malloc.c. They allocate objects that no cache has, and free objects that go to no cache.
 */
#ifndef MALLOC_HEAP_H
#define MALLOC_HEAP_H

#include <rseqkit/cache.h>
#include <stdbool.h>
#include "classes.h"

#pragma GCC visibility push(hidden)

/* The cache of each class, and of each size up to FINE_MAX, in steps of FINE. NULL until the class has a cache. */
extern struct rk_cache *heap_caches[CLASSES];
extern struct rk_cache *heap_fine[FINE_MAX / FINE + 1];

/* Prepares the allocator, once. heap_take() calls this function by itself. */
void heap_begin(void);

/* Returns an object of a class that has no cache, or whose cache is empty. Returns NULL if there is no memory. */
void *heap_take(unsigned class) __attribute__((__cold__));

/*
 * Frees an object that the fast path of malloc.c can't free: a large object, an object of a span without a cache or, with
 * guards, any object. Ends the process for any other pointer.
 */
void heap_give(void *object);

/*
 * The mode that the allocator runs in now: whether objects come from caches, and if not, why. Debuggers and readers of core files
 * find it by this name.
 */
extern __attribute__((__visibility__("default"))) char librseqkit_malloc_mode[128];

/* Returns the number of a class's free objects, in its cache and its spans. */
size_t heap_free_objects(unsigned class);

/* Returns the bytes of free small objects of all classes. */
size_t heap_idle(void);

/* Gives memory back to the system, until at most `keep` bytes of free pages are dirty. Returns whether it gave any back. */
bool heap_trim(size_t keep);

#pragma GCC visibility pop

#endif /* MALLOC_HEAP_H */
