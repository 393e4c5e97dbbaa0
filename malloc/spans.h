/* SPDX-License-Identifier: MIT */
/*
 * spans.h - spans, from which the caches of the size classes (heap.h, classes.h) get objects, and to which they return objects.
 *
 * A span is either one page of 64 KiB (pages.h) with small objects of one class, or up to four pages with one object. Its
 * description says which of its objects are free. All other objects of the span are in use by the program, or in a cache.
 * When all objects of a span are free, its pages become free, too. A span keeps its pages if it is the only span of its class
 * with free objects.
 *
 * If a thread that frees an object can't take the class's lock (locks.h), the object is put aside for the next thread that takes
 * the lock.
 */
#ifndef MALLOC_SPANS_H
#define MALLOC_SPANS_H

#include "pages.h"

/*
 * Takes up to `count` free objects of a class from spans. If the function makes a new span, objects of this span will go to
 * `cache` when they are freed, or back to the span if `cache` is NULL. Returns how many objects it took, and leaves the other
 * entries of `objects` as they are. Returns 0 if there is no memory, if the heap would have to grow and `grow` is false, or
 * if the lock can't be taken.
 */
size_t spans_take(unsigned class, struct rk_cache *cache, void **objects, size_t count, bool grow);

/* Puts objects back into their spans. Ends the process if an object is already free in its span. */
void spans_give(unsigned class, void *const *objects, size_t count);

/* Returns how many free objects of the class are in spans, or 0 if the lock can't be taken. */
size_t spans_free(unsigned class);

#endif /* MALLOC_SPANS_H */
