/* SPDX-License-Identifier: MIT */
/*
 * pages.h - runs of pages of 64 KiB, for spans and for large objects up to 2 MiB, out of chunks of 64 pages.
 *
 * A chunk's free pages are bits of a word. Of those that were used their memory may still be there: they are dirty, and
 * more than an eighth of what is in use doesn't stay so. A page that is free and not dirty reads as zero.
 *
 * Everything here is under the lock of pages (locks.h).
 */
#ifndef MALLOC_PAGES_H
#define MALLOC_PAGES_H

#include "map.h"

#define RUN_MAX 32 /* pages */

struct chunk;

/* What descriptions of runs begin with. */
struct run {
	struct chunk *chunk; /* NULL: a mapping of its own */
	char *base;
	size_t size; /* bytes: a multiple of SPAN_SIZE of a chunk's */
};

/* Finds memory for a run of `pages` pages, and says if it reads as zero. False if there is none. */
bool pages_take(struct run *run, unsigned pages, bool *zeroed);
void pages_give(const struct run *run);

/* Makes a run longer by so many pages that follow it. False if they aren't free. */
bool pages_extend(struct run *run, unsigned more);

/* Gives the memory of free pages back to the system, until at most `keep` bytes are dirty. True if there was any. */
bool pages_trim(size_t keep);

/* In bytes, but for how many mappings there are. Mappings are of large objects. */
extern struct numbers {
	size_t chunks, used, dirty, mapped, mappings;
} numbers;

#endif /* MALLOC_PAGES_H */
