/* SPDX-License-Identifier: MIT */
/*
 * spans.h - small objects outside the caches: spans make them and take them back.
 *
 * A span is a page with objects of one class. Its description says which objects are in the span. All others are in use by the
 * program, or in a cache. When all objects are back, the span goes back to the pages, unless it is the only span of its class
 * that has objects.
 *
 * When a thread can't take the class's lock (locks.h), the object that it frees is put aside for the next thread that takes the
 * lock.
 */
#ifndef MALLOC_SPANS_H
#define MALLOC_SPANS_H

#include "pages.h"

/*
 * Takes up to `count` objects of a class. If a new span is made, `cache` is where its objects go when they are freed; NULL:
 * back to the span. Returns how many objects it took, and leaves the other entries as they are. Returns 0 if there is no
 * memory, if the heap would grow and `grow` is false, or if the lock can't be taken.
 */
size_t spans_take(unsigned class, struct rk_cache *cache, void **objects, size_t count, bool grow);

/* Gives an object back to its span. Ends the process if the span already has it. */
void spans_give(unsigned class, void *object);

/* The bytes of the objects that are in spans, of all classes. */
size_t spans_free(void);

#endif /* MALLOC_SPANS_H */
