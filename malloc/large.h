/* SPDX-License-Identifier: MIT */
/*
 * large.h - objects that are too large for a span: a run of pages, above 2 MiB a mapping of their own.
 *
 * Their memory is touched up to the kernel's next page only. What is freed and was a mapping goes back to the system at once.
 * But where two of about the same size, up to 32 MiB, are freed in a row, the last one is kept for who takes such a size.
 */
#ifndef MALLOC_LARGE_H
#define MALLOC_LARGE_H

#include "pages.h"

/* NULL if there is no memory. *zeroed: it reads as zero. */
void *large_take(size_t size, size_t alignment, bool *zeroed);

/* Ends the process if no such object begins there. */
void large_give(void *object);

/* Gives back the mapping that is kept, under the lock of pages. */
void large_trim(void);

/* How many bytes the program may use; dies as well. */
size_t large_size(const void *object);

/*
 * Makes it larger or smaller, where it is or elsewhere, without copying. NULL if that can't be, or a small object is there:
 * nothing has changed then.
 */
void *large_resize(void *object, size_t size);

#endif /* MALLOC_LARGE_H */
