/* SPDX-License-Identifier: MIT */
/*
 * heap.h - the slow paths of malloc.c. Each size class (classes.h) gets a cache of free objects (rseqkit/cache.h). The functions
 * of this file allocate objects if a class has no cache or its cache is empty, and free objects that don't go into a cache.
 * Objects of a class lie in spans, which are blocks of pages (spans.h).
 */
#ifndef MALLOC_HEAP_H
#define MALLOC_HEAP_H

#include <rseqkit/cache.h>
#include <stdbool.h>
#include "classes.h"

#pragma GCC visibility push(hidden)

/*
 * heap_caches[] has the cache of each class. heap_fine[] has the cache for each size up to FINE_MAX, in steps of FINE. An
 * entry is NULL until the class has a cache.
 */
extern struct rk_cache *heap_caches[CLASSES];
extern struct rk_cache *heap_fine[FINE_MAX / FINE + 1];

/* Prepares the allocator. Only the first call does anything. heap_take() calls this function by itself. */
void heap_begin(void);

/* Returns an object of a class that has no cache, or whose cache is empty. Returns NULL if there is no memory. */
void *heap_take(unsigned class) __attribute__((__cold__));

/*
 * Frees an object that the fast path of malloc.c can't free: a large object, an object of a span without a cache or, if
 * RSEQKIT_MALLOC contains "guard", any object. Ends the process for any other pointer.
 */
void heap_give(void *object);

/* A text for debuggers and readers of core files: whether objects come from caches now, and if not, why. */
extern __attribute__((__visibility__("default"))) char librseqkit_malloc_mode[128];

/* Returns the number of a class's free objects, in its cache and its spans. */
size_t heap_free_objects(unsigned class);

/* Returns how many bytes the free objects of all classes have together. */
size_t heap_idle(void);

/*
 * Gives memory back to the kernel, until at most `keep` bytes of free pages are dirty (pages.h). Returns whether it gave any
 * memory back.
 */
bool heap_trim(size_t keep);

/* Sets the limit of dirty pages (pages_limit()). Returns false if the lock of pages can't be taken. */
bool heap_limit(size_t bytes);

#pragma GCC visibility pop

#endif /* MALLOC_HEAP_H */
