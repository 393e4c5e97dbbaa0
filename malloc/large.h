/* SPDX-License-Identifier: MIT */
/*
 * large.h - large objects, which are too large for a span (spans.h). Such an object has a run of pages of its own (pages.h)
 * or, above 32 MiB, a mapping of its own.
 *
 * An object's size is rounded up to the kernel's page only, so the rest of its run is never touched. A mapping is unmapped as
 * soon as its object is freed.
 */
#ifndef MALLOC_LARGE_H
#define MALLOC_LARGE_H

#include "pages.h"

/*
 * Pass this alignment to large_take() for an object that is to get a mapping, because no run has this alignment. A mapping
 * can grow by moving its pages.
 */
#define LARGE_ALONE (2 * SPAN_SIZE)

/*
 * Objects of at least so many bytes get mappings, also if a run would be large enough for them. Any thread may set it, to more
 * than SMALL_MAX. Objects that exist stay where they are.
 */
extern size_t large_threshold;

/* Returns NULL if there is no memory. Sets *zeroed if the object's memory reads as zero. */
void *large_take(size_t size, size_t alignment, bool *zeroed);

/* Frees a large object. Ends the process if no large object begins at the address. */
void large_give(void *object);

/* Returns how many bytes of the object the program may use. Ends the process if no large object begins at the address. */
size_t large_size(const void *object);

/*
 * realloc() gives an object a run if the object grows for the second time in a row, and beyond this many bytes. In a run the
 * object takes whole pages of the kernel. For smaller objects the last page's unused rest would be too large a part.
 */
#define GROWN_SMALL (2 * PAGE)

/*
 * Resizes an object, in place or by moving its pages to another address, without copying. Changes nothing and returns NULL if
 * that is impossible, or if the object would become so small that it fits a size class better.
 */
void *large_resize(void *object, size_t size);

#endif /* MALLOC_LARGE_H */
