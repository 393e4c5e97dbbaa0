/* SPDX-License-Identifier: MIT */
/*
 * pages.h - gives out runs: pages of 64 KiB in a row, for spans (spans.h) and for large objects up to 32 MiB (large.h). Runs are
 * parts of chunks. A chunk is a mapping of up to 512 pages.
 *
 * A chunk has two bits for each page: one for free pages, and one for dirty pages. A page is dirty if it is free, but was in
 * use before, and so can still take memory. Dirty pages give their memory back to the kernel when they have more than a limit
 * allows. The limit is an eighth of the bytes in use, or if this is more, an amount that begins at 2 MiB. When a program takes
 * memory again that it gave back, this amount grows, up to 64 MiB. About once a second, dirty pages that no run needed in the
 * meantime also give their memory back. A free page that isn't dirty reads as zero.
 *
 * The caller of each function holds the lock of pages (locks.h).
 */
#ifndef MALLOC_PAGES_H
#define MALLOC_PAGES_H

#include "map.h"

#define CHUNK_PAGES 512
#define CHUNK_SIZE (CHUNK_PAGES * SPAN_SIZE)

struct chunk;

/* Where a run is. The description of each span and of each large object begins with this struct. */
struct run {
	struct chunk *chunk; /* NULL if the run is a mapping of its own, not part of a chunk */
	char *base;
	size_t size; /* bytes; for a run of a chunk a multiple of SPAN_SIZE */
};

/* Finds memory for a run of `pages` pages, and sets *zeroed if this memory reads as zero. Returns false if there is no memory. */
bool pages_take(struct run *run, unsigned pages, bool *zeroed);
void pages_give(const struct run *run);

/* Extends a run by the `more` pages that follow it. Returns false if these pages aren't free. */
bool pages_extend(struct run *run, unsigned more);

/* Gives the memory of dirty pages back to the kernel, until at most `keep` bytes are dirty. Returns whether it gave any back. */
bool pages_trim(size_t keep);

/*
 * Sets the limit of dirty pages to `bytes`, in place of the limit that adapts to the program. Below the limit, dirty pages keep
 * their memory, also after a second. With SIZE_MAX they always keep it.
 */
void pages_limit(size_t bytes);

/*
 * The allocator's figures. All members are bytes, except `mappings`. Large objects have `mappings` mappings of their own, with
 * `mapped` bytes. `chunks`, `used` and `dirty` are the bytes of all chunks, of pages in use, and of dirty pages. While `used` is
 * less than `settled`, new spans don't count as growth of the heap (spans_take()).
 */
extern struct numbers {
	size_t chunks, used, dirty, mapped, mappings, settled;
} numbers;

#endif /* MALLOC_PAGES_H */
