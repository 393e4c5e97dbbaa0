/* SPDX-License-Identifier: MIT */
/*
 * pages.c - finds, frees and returns pages; see pages.h. A run gets the first free pages of a chunk, and if possible dirty
 * ones. This keeps used pages close together.
 */
#define _GNU_SOURCE
#include "pages.h"

#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include "system.h"

#define CHUNK_ALIGNMENT ((size_t)2 << 20) /* the size of a huge page */
#define WORD 64
#define WORDS (CHUNK_PAGES / WORD)

/*
 * While the chunks have fewer bytes than this, new chunks use no huge pages. With huge pages a small heap would take much
 * memory, because the parts that it uses are far apart.
 */
#define BYTES_OF_SMALL_PAGES CHUNK_SIZE

#define ALLOWED_FIRST ((size_t)2 << 20) /* the first value of `allowed` */
#define ALLOWED_MOST ((size_t)64 << 20) /* its highest value */
#define GROWTH 4                        /* `allowed` grows by this many times the bytes that were given back too early */
#define DECAY 1 /* decay() returns pages at most once in each such period, counted in whole seconds of the clock */
#define SETTLED_STEP ((size_t)4 << 20)

struct chunk {
	char *base;
	unsigned pages, free_pages; /* how many pages the chunk has, and how many of them are free */
	uint64_t free[WORDS], dirty[WORDS]; /* a bit for each page; a dirty page is also free */
	struct chunk *next;
};

static struct chunk *chunks, *unmapped; /* list of chunks; list of descriptions whose chunk was unmapped, or that are new */
static size_t dirty_least; /* the lowest value of numbers.dirty since decay() last looked at the clock's second */
struct numbers numbers;

/*
 * Dirty pages may have `allowed` bytes, or an eighth of the bytes in use if this is more. Above that they give their memory
 * back. If runs take memory from the kernel after that, it was given back too early: `allowed` grows. A buffer that is freed
 * once goes back, and a buffer that is needed again and again stays. `allowed` grows quickly, because otherwise a program whose
 * buffers become larger step by step takes memory again at each step.
 */
static size_t allowed = ALLOWED_FIRST;
static size_t returned; /* bytes that dirty pages gave back, and that runs haven't taken from the kernel again */
static size_t chosen;   /* the limit that the program has chosen (pages_limit()); the others count only if is_chosen is false */
static bool is_chosen;
static bool refused;    /* the kernel didn't take memory back the last time, so the limit doesn't hold */

/* Returns the first page, beginning with page `at`, whose bit isn't `bit`; CHUNK_PAGES if there is none. */
static unsigned end_of(const uint64_t *bits, unsigned at, bool bit)
{
	while (at < CHUNK_PAGES) {
		uint64_t word = (bits[at / WORD] ^ (bit ? ~(uint64_t)0 : 0)) >> at % WORD;

		if (word != 0)
			return at + (unsigned)__builtin_ctzll(word);
		at = at / WORD * WORD + WORD;
	}
	return CHUNK_PAGES;
}

/* Gives the bits of `pages` pages, the first of which is `at`, the value `bit`. Returns how many bits it changed. */
static unsigned set(uint64_t *bits, unsigned at, unsigned pages, bool bit)
{
	unsigned changed = 0;

	for (unsigned end = at + pages, n; at < end; at += n) {
		uint64_t *word = &bits[at / WORD], mask;

		n = end - at < WORD - at % WORD ? end - at : WORD - at % WORD;
		mask = ~(uint64_t)0 >> (WORD - n) << at % WORD;
		changed += (unsigned)__builtin_popcountll((bit ? ~*word : *word) & mask);
		*word = bit ? *word | mask : *word & ~mask;
	}
	return changed;
}

/* Returns the first of `pages` pages in a row that have the bit, or CHUNK_PAGES. */
static unsigned find(const uint64_t *bits, unsigned pages)
{
	unsigned at = end_of(bits, 0, false), end;

	while (at < CHUNK_PAGES && (end = end_of(bits, at, true)) - at < pages)
		at = end_of(bits, end, false);
	return at;
}

/* Maps a new chunk. While the kernel refuses a chunk of CHUNK_PAGES pages, chunks have fewer pages, but at least `pages`. */
static struct chunk *make_chunk(unsigned pages)
{
	static unsigned has = CHUNK_PAGES; /* the number of pages that the kernel granted last */
	struct chunk *chunk;
	char *base = NULL;

	if (unmapped == NULL)
		unmapped = system_describe(sizeof(*unmapped));
	chunk = unmapped;
	has = has * 2 < pages ? pages : has * 2 < CHUNK_PAGES ? has * 2 : CHUNK_PAGES;
	while (chunk != NULL && base == NULL) {
		base = system_map(has * SPAN_SIZE, has == CHUNK_PAGES ? CHUNK_ALIGNMENT : SPAN_SIZE, true);
		if (base == NULL && has / 2 < pages)
			break;
		has = base == NULL ? has / 2 : has;
	}
	if (base == NULL)
		return NULL;
	if (!map_prepare(base, has * SPAN_SIZE)) {
		system_unmap(base, has * SPAN_SIZE);
		return NULL;
	}
	unmapped = chunk->next;
	if (numbers.chunks < BYTES_OF_SMALL_PAGES)
		(void)madvise(base, has * SPAN_SIZE, MADV_NOHUGEPAGE);
	*chunk = (struct chunk){.base = base, .pages = has, .free_pages = has, .next = chunks};
	(void)set(chunk->free, 0, has, true);
	chunks = chunk;
	numbers.chunks += has * SPAN_SIZE;
	return chunk;
}

/*
 * Finds `pages` free pages in a row. Prefers pages that are all dirty, because they have memory already. Maps a new chunk if
 * no chunk has that many pages in a row.
 */
static struct chunk *search(unsigned pages, unsigned *at)
{
	for (int any = numbers.dirty < pages * SPAN_SIZE; any < 2; any++)
		for (struct chunk *chunk = chunks; chunk != NULL; chunk = chunk->next)
			if (chunk->free_pages >= pages && (*at = find(any ? chunk->free : chunk->dirty, pages)) < CHUNK_PAGES)
				return chunk;
	*at = 0;
	return make_chunk(pages);
}

/* Marks pages as used. Returns how many of them were dirty. */
static unsigned use(struct chunk *chunk, unsigned at, unsigned pages)
{
	unsigned dirty = set(chunk->dirty, at, pages, false);
	size_t again = least((pages - dirty) * SPAN_SIZE, returned);

	chunk->free_pages -= set(chunk->free, at, pages, false);
	numbers.used += pages * SPAN_SIZE;
	numbers.dirty -= dirty * SPAN_SIZE;
	dirty_least = least(numbers.dirty, dirty_least);
	returned -= again;
	allowed = least(allowed + GROWTH * again, ALLOWED_MOST);
	return dirty;
}

/* Notes that the dirty pages among these pages no longer have memory. */
static void give_back(struct chunk *chunk, unsigned at, unsigned pages)
{
	size_t bytes = set(chunk->dirty, at, pages, false) * SPAN_SIZE;

	numbers.dirty -= bytes;
	returned += bytes;
}

bool pages_take(struct run *run, unsigned pages, bool *zeroed)
{
	unsigned at;
	struct chunk *chunk = search(pages, &at);

	if (chunk == NULL)
		return false;
	*zeroed = use(chunk, at, pages) == 0;
	if (numbers.used > numbers.settled)
		numbers.settled = (numbers.used + SETTLED_STEP - 1) & ~(SETTLED_STEP - 1);
	*run = (struct run){chunk, chunk->base + (size_t)at * SPAN_SIZE, pages * SPAN_SIZE};
	return true;
}

static unsigned number(const struct chunk *chunk, const char *address)
{
	return (unsigned)((size_t)(address - chunk->base) / SPAN_SIZE);
}

bool pages_extend(struct run *run, unsigned more)
{
	unsigned after = number(run->chunk, run->base + run->size);

	if (after + more > CHUNK_PAGES || end_of(run->chunk->free, after, true) < after + more)
		return false;
	(void)use(run->chunk, after, more);
	run->size += more * SPAN_SIZE;
	return true;
}

/*
 * Gives dirty pages of a chunk back to the kernel, until at most `keep` bytes are dirty in all chunks. Begins with the chunk's
 * last pages, because pages_take() uses the first ones earlier. The kernel refuses locked memory (mlockall), for example. Then
 * the pages stay dirty.
 */
static void clean(struct chunk *chunk, size_t keep)
{
	for (unsigned at = CHUNK_PAGES, from, end; at > 0 && numbers.dirty > keep; at -= WORD) {
		for (from = at - WORD; (from = end_of(chunk->dirty, from, false)) < at; from = end) {
			end = end_of(chunk->dirty, from, true);
			end = end < at ? end : at;
			refused = !system_purge(chunk->base + from * SPAN_SIZE, (end - from) * SPAN_SIZE);
			if (refused)
				return;
			give_back(chunk, from, end - from);
		}
	}
}

/* Returns how many bytes of the chunk's pages are dirty. */
static size_t dirty_in(const struct chunk *chunk)
{
	size_t pages = 0;

	for (unsigned i = 0; i < WORDS; i++)
		pages += (size_t)__builtin_popcountll(chunk->dirty[i]);
	return pages * SPAN_SIZE;
}

bool pages_trim(size_t keep)
{
	size_t before = numbers.dirty;

	/* Unmaps free chunks. If then fewer than `keep` bytes would stay dirty, cleans the chunk, like a chunk in use. */
	for (struct chunk **at = &chunks, *chunk; (chunk = *at) != NULL && numbers.dirty > keep;) {
		if (chunk->free_pages < chunk->pages || numbers.dirty - dirty_in(chunk) < keep) {
			clean(chunk, keep);
			at = &chunk->next;
			continue;
		}
		give_back(chunk, 0, chunk->pages);
		numbers.chunks -= chunk->pages * SPAN_SIZE;
		system_unmap(chunk->base, chunk->pages * SPAN_SIZE);
		*at = chunk->next;
		chunk->next = unmapped;
		unmapped = chunk;
	}
	numbers.settled = numbers.used;
	dirty_least = least(numbers.dirty, dirty_least);
	return numbers.dirty < before;
}

/*
 * At most once in each second of the clock, gives dirty_least bytes back to the kernel. Since the last time, at least that many
 * bytes were dirty all the time, so no run needed them.
 */
static void decay(void)
{
	static uint8_t calls;
	static time_t last;
	struct timespec now;

	if (++calls % 16 != 0 || clock_gettime(CLOCK_MONOTONIC_COARSE, &now) != 0 || now.tv_sec - last < DECAY)
		return;
	last = now.tv_sec;
	if (dirty_least > 0)
		(void)pages_trim(numbers.dirty - dirty_least);
	dirty_least = numbers.dirty;
}

void pages_give(const struct run *run)
{
	struct chunk *chunk = run->chunk;
	unsigned at = number(chunk, run->base), pages = (unsigned)(run->size / SPAN_SIZE);
	size_t most;

	chunk->free_pages += set(chunk->free, at, pages, true);
	(void)set(chunk->dirty, at, pages, true);
	numbers.used -= run->size;
	numbers.dirty += run->size;
	most = is_chosen ? chosen : numbers.used / 8 > allowed ? numbers.used / 8 : allowed;
	if (numbers.dirty > most && !refused)
		(void)pages_trim(most - most / 4);
	else if (!is_chosen || numbers.dirty > most) /* more than `most` only after a refusal: try again in a second */
		decay();
}

void pages_limit(size_t bytes)
{
	is_chosen = true;
	chosen = bytes;
	refused = false;
	if (numbers.dirty > chosen)
		(void)pages_trim(chosen);
}
