/* SPDX-License-Identifier: MIT */
/*
 * large.h - objects that are too large for a span: a run of pages, or above 2 MiB a mapping of their own.
 *
 * An object's size is rounded up to the kernel's page only, so the rest of its run is never touched. A freed mapping goes back
 * to the system at once. There is one exception: if two mappings of about the same size, up to 32 MiB, are freed in a row, the
 * second one is kept. The next object of such a size gets it. A mapping with a guard is never kept.
 */
#ifndef MALLOC_LARGE_H
#define MALLOC_LARGE_H

#include "pages.h"

/* Returns NULL if there is no memory. Sets *zeroed if the object's memory reads as zero. */
void *large_take(size_t size, size_t alignment, bool *zeroed);

/* Frees a large object. Ends the process if no large object begins at the address. */
void large_give(void *object);

/* Unmaps the mapping that is kept. The caller holds the lock of pages. */
void large_trim(void);

/* Returns how many bytes of the object the program may use. Ends the process if no large object begins at the address. */
size_t large_size(const void *object);

/*
 * Resizes an object, in place or by moving its pages to another address, without copying. If that is
 * impossible, or if the object is small, changes nothing and returns NULL.
 */
void *large_resize(void *object, size_t size);

#endif /* MALLOC_LARGE_H */
