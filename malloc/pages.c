/* SPDX-License-Identifier: MIT */
/* pages.c - see pages.h. */
#define _GNU_SOURCE
#include "pages.h"

#include <sys/mman.h>
#include "system.h"

#define CHUNK_PAGES 64
#define CHUNK_SIZE (CHUNK_PAGES * SPAN_SIZE)

/*
 * While the heap has fewer chunks than this, new chunks use no huge pages. With huge pages a small heap would take much memory,
 * because its spans lie apart.
 */
#define CHUNKS_OF_SMALL_PAGES 8

#define DIRTY_ALWAYS ((size_t)4 << 20)

struct chunk {
	char *base;
	uint64_t free, dirty; /* a bit for each page; a dirty page is also free */
	struct chunk *next;
};

static struct chunk *chunks, *unmapped;
struct numbers numbers;

static uint64_t bits(unsigned pages, unsigned at)
{
	return (~(uint64_t)0 >> (CHUNK_PAGES - pages)) << at;
}

/* Returns the number of the first of `pages` free pages in a row, or -1. */
static int find(uint64_t free, unsigned pages)
{
	for (unsigned have = 1; have < pages && free != 0;) {
		unsigned step = have < pages - have ? have : pages - have;

		free &= free >> step;
		have += step;
	}
	return free == 0 ? -1 : __builtin_ctzll(free);
}

static struct chunk *make_chunk(void)
{
	struct chunk *chunk;
	char *base;

	if (unmapped == NULL)
		unmapped = system_describe(sizeof(*unmapped));
	chunk = unmapped;
	base = chunk == NULL ? NULL : system_map(CHUNK_SIZE, CHUNK_SIZE, true);
	if (base == NULL)
		return NULL;
	if (!map_prepare(base, CHUNK_SIZE)) {
		system_unmap(base, CHUNK_SIZE);
		return NULL;
	}
	unmapped = chunk->next;
	if (numbers.chunks < CHUNKS_OF_SMALL_PAGES * CHUNK_SIZE)
		(void)madvise(base, CHUNK_SIZE, MADV_NOHUGEPAGE);
	*chunk = (struct chunk){.base = base, .free = ~(uint64_t)0, .next = chunks};
	chunks = chunk;
	numbers.chunks += CHUNK_SIZE;
	return chunk;
}

static void use(struct chunk *chunk, uint64_t which)
{
	numbers.used += (size_t)__builtin_popcountll(which) * SPAN_SIZE;
	numbers.dirty -= (size_t)__builtin_popcountll(chunk->dirty & which) * SPAN_SIZE;
	chunk->free &= ~which;
	chunk->dirty &= ~which;
}

bool pages_take(struct run *run, unsigned pages, bool *zeroed)
{
	struct chunk *chunk = chunks;
	uint64_t which;
	int at;

	while (chunk != NULL && find(chunk->free, pages) < 0)
		chunk = chunk->next;
	if (chunk == NULL)
		chunk = make_chunk();
	if (chunk == NULL)
		return false;
	at = find(chunk->free, pages);
	which = bits(pages, (unsigned)at);
	*zeroed = (chunk->dirty & which) == 0;
	use(chunk, which);
	*run = (struct run){chunk, chunk->base + (size_t)at * SPAN_SIZE, pages * SPAN_SIZE};
	return true;
}

static unsigned number(const struct chunk *chunk, const char *address)
{
	return (unsigned)((size_t)(address - chunk->base) / SPAN_SIZE);
}

bool pages_extend(struct run *run, unsigned more)
{
	struct chunk *chunk = run->chunk;
	unsigned behind = number(chunk, run->base + run->size);

	if (behind + more > CHUNK_PAGES || (chunk->free & bits(more, behind)) != bits(more, behind))
		return false;
	use(chunk, bits(more, behind));
	run->size += more * SPAN_SIZE;
	return true;
}

static void clean(struct chunk *chunk)
{
	while (chunk->dirty != 0) {
		unsigned at = (unsigned)__builtin_ctzll(chunk->dirty);
		uint64_t rest = ~(chunk->dirty >> at);
		unsigned pages = rest == 0 ? CHUNK_PAGES - at : (unsigned)__builtin_ctzll(rest);

		system_purge(chunk->base + at * SPAN_SIZE, pages * SPAN_SIZE);
		chunk->dirty &= ~bits(pages, at);
		numbers.dirty -= pages * SPAN_SIZE;
	}
}

bool pages_trim(size_t keep)
{
	size_t before = numbers.dirty;

	for (struct chunk **at = &chunks, *chunk; (chunk = *at) != NULL && numbers.dirty > keep;) {
		if (chunk->free != ~(uint64_t)0) {
			clean(chunk);
			at = &chunk->next;
			continue;
		}
		numbers.dirty -= (size_t)__builtin_popcountll(chunk->dirty) * SPAN_SIZE;
		numbers.chunks -= CHUNK_SIZE;
		system_unmap(chunk->base, CHUNK_SIZE);
		*at = chunk->next;
		chunk->next = unmapped;
		unmapped = chunk;
	}
	return numbers.dirty < before;
}

void pages_give(const struct run *run)
{
	struct chunk *chunk = run->chunk;
	uint64_t which = bits((unsigned)(run->size / SPAN_SIZE), number(chunk, run->base));
	size_t most;

	chunk->free |= which;
	chunk->dirty |= which;
	numbers.used -= run->size;
	numbers.dirty += run->size;
	most = numbers.used / 8 > DIRTY_ALWAYS ? numbers.used / 8 : DIRTY_ALWAYS;
	if (numbers.dirty > most)
		(void)pages_trim(most / 2);
}
