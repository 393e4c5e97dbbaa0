/* SPDX-License-Identifier: MIT */
/*
 * spans.h - small objects behind the caches: where they are made, and come back to.
 *
 * A span is a page with objects of one class. Its description says which are here; all others are the program's, or in a
 * cache. A span all of whose objects are here goes back to the pages, unless it is the only one of its class that has any.
 *
 * What somebody frees who can't have the class's lock (locks.h) is put aside for whoever is next.
 */
#ifndef MALLOC_SPANS_H
#define MALLOC_SPANS_H

#include "pages.h"

/*
 * Takes up to `count` objects of a class. When they are freed they go to `cache`; NULL: to none. Returns how many were taken,
 * and leaves the other entries as they are. Returns 0 without memory, where the heap would have to grow and mustn't, and where
 * the lock can't be had.
 */
size_t spans_take(unsigned class, struct rk_cache *cache, void **objects, size_t count, bool grow);

/* Gives one back. Ends the process if it is here already. */
void spans_give(unsigned class, void *object);

/* Bytes of objects that are here, of all classes. */
size_t spans_free(void);

#endif /* MALLOC_SPANS_H */
