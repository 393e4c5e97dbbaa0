/* SPDX-License-Identifier: MIT */
/* large.c - allocates, frees and resizes large objects; see large.h. */
#define _GNU_SOURCE
#include "large.h"

#include <sys/mman.h>
#include "locks.h"
#include "system.h"

#define LARGEST ((size_t)PTRDIFF_MAX - SPAN_SIZE)

/* The description of a large object. */
struct large {
	void *next; /* the next item in the list `forgotten`, or in the list `aside` */
	struct run run;
	size_t size; /* bytes that the program may use */
	size_t guard;
};

size_t large_threshold = CHUNK_SIZE + 1;
static struct large *forgotten; /* list of free descriptions */
static void *aside;             /* list of objects that were freed while the lock couldn't be taken (locks.h) */
static bool can_move = true; /* false after mremap() failed to move a mapping (grow()) */

/* Adds to one of the numbers of pages.h. The addition is atomic, because some callers don't hold the lock of pages (locks.h). */
#define COUNT(number, more) ((void)__atomic_fetch_add(&numbers.number, more, __ATOMIC_RELAXED))

static size_t up(size_t size, size_t to)
{
	return (size + to - 1) & ~(to - 1);
}

/*
 * Finds memory for an object, and returns its description, or NULL if there is no memory. If the caller has the lock of pages,
 * the memory is pages of a chunk (pages.h) or a new mapping. Otherwise the memory is a new mapping, which also contains the
 * description.
 */
static struct large *find_memory(struct large wanted, size_t alignment, bool has_lock, bool *zeroed)
{
	size_t size = wanted.size + wanted.guard, pages = up(size, SPAN_SIZE) / SPAN_SIZE;
	struct large *large = has_lock ? forgotten : NULL;

	if (has_lock && large == NULL && (large = forgotten = system_describe(sizeof(*large))) == NULL)
		return NULL;
	if (!has_lock || pages > CHUNK_PAGES || alignment > SPAN_SIZE ||
	    wanted.size >= __atomic_load_n(&large_threshold, __ATOMIC_RELAXED) || !pages_take(&wanted.run, (unsigned)pages, zeroed)) {
		*zeroed = true;
		wanted.run.size = has_lock ? size : size + PAGE;
		wanted.run.base = system_map(wanted.run.size, alignment > SPAN_SIZE ? alignment : SPAN_SIZE, true);
		if (wanted.run.base == NULL)
			return NULL;
		if (!map_prepare(wanted.run.base, 1)) {
			system_unmap(wanted.run.base, wanted.run.size);
			return NULL;
		}
		COUNT(mappings, 1);
		COUNT(mapped, wanted.run.size);
	}
	if (has_lock)
		forgotten = large->next;
	else
		large = (struct large *)(void *)(wanted.run.base + size);
	*large = wanted;
	return large;
}

/* Returns whether the description is in the object's own mapping. */
static bool has_description(const struct large *large)
{
	return (uintptr_t)large - (uintptr_t)large->run.base < large->run.size;
}

/* Returns the description of a large object. This needs no lock, because only the object's user reads the description. */
static inline struct large *large_of(const void *object)
{
	struct large *large = map_code(object) == CODE_LARGE ? map_owner(object) : NULL;

	if (large == NULL || large->run.base != object)
		system_die("no pointer from malloc", object);
	return large;
}

/*
 * Frees an object's pages and its description. The caller has the lock of pages. Returns the mapping that the caller has to
 * unmap, or a mapping of size 0 if there is nothing to unmap.
 */
static struct run forget(struct large *large)
{
	struct run run = large->run;

	if (!has_description(large)) {
		large->next = forgotten;
		forgotten = large;
	}
	if (run.chunk != NULL) {
		pages_give(&run);
		return (struct run){0};
	}
	COUNT(mappings, (size_t)-1);
	COUNT(mapped, -run.size);
	return run;
}

/* Takes the lock of pages, and frees the objects that were put aside. Returns false if it can't take the lock. */
static bool enter(void)
{
	struct run run;

	if (!lock_enter(LOCK_OF_PAGES))
		return false;
	for (struct large *large = take_aside(&aside), *next; large != NULL; large = next) {
		next = large->next;
		run = forget(large);
		system_unmap(run.base, run.size);
	}
	return true;
}

void *large_take(size_t size, size_t alignment, bool *zeroed)
{
	bool has_lock = size <= LARGEST && enter();
	struct large *large = NULL;

	if (size <= LARGEST) {
		struct large wanted = {.size = up(size == 0 ? 1 : size, PAGE), .guard = system_wants(GUARDS) ? PAGE : 0};

		large = find_memory(wanted, alignment, has_lock, zeroed);
	}
	if (large != NULL) {
		if (large->guard > 0)
			system_allow(large->run.base + large->size, large->guard, false);
		map_set(large->run.base, CODE_LARGE, NULL, large);
	}
	if (has_lock)
		lock_leave(LOCK_OF_PAGES);
	return large == NULL ? NULL : large->run.base;
}

void large_give(void *object)
{
	struct large *large = large_of(object);
	struct run run;

	map_set(object, CODE_NONE, NULL, NULL);
	if (large->guard > 0)
		system_allow(large->run.base + large->size, large->guard, true);
	if (!enter()) {
		put_aside(&aside, large);
		return;
	}
	run = forget(large);
	lock_leave(LOCK_OF_PAGES);
	system_unmap(run.base, run.size);
}

size_t large_size(const void *object)
{
	return large_of(object)->size;
}

/*
 * Enlarges a mapping, in place or by moving it. If the move fails, the new range stays reserved. Unmapping it would be
 * dangerous: if mremap() fails, older kernels unmap the new range themselves, and another thread may have mapped memory there
 * by then. After a failure this process therefore moves no mapping again.
 */
static bool grow(struct large *large, size_t size)
{
	char *to = large->run.base;

	if (mremap(to, large->run.size, size, 0) == MAP_FAILED) {
		to = can_move ? system_map(size, SPAN_SIZE, false) : NULL;
		if (to == NULL)
			return false;
		if (!map_prepare(to, 1)) {
			system_unmap(to, size);
			return false;
		}
		/* Clear the map before the move: after the move, another thread can map an object at the old address. */
		map_set(large->run.base, CODE_NONE, NULL, NULL);
		can_move = mremap(large->run.base, large->run.size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to;
		if (!can_move) {
			map_set(large->run.base, CODE_LARGE, NULL, large);
			return false;
		}
	}
	COUNT(mapped, size - large->run.size);
	large->run.base = to;
	large->run.size = size;
	return true;
}

/* Resizes an object in place, or moves its mapping. Returns false if that is impossible. The caller has the lock of pages. */
static bool resize(struct large *large, size_t size)
{
	size_t pages = up(size, SPAN_SIZE) / SPAN_SIZE, has = large->run.size / SPAN_SIZE;

	if (large->guard > 0 || has_description(large))
		return false;
	if (large->run.chunk == NULL && size > large->run.size)
		return grow(large, size);
	if (large->run.chunk == NULL) {
		system_unmap(large->run.base + size, large->run.size - size);
		COUNT(mapped, size - large->run.size);
		large->run.size = size;
		return true;
	}
	if (pages > has)
		return pages <= CHUNK_PAGES && pages_extend(&large->run, (unsigned)(pages - has));
	if (pages < has) {
		pages_give(&(struct run){large->run.chunk, large->run.base + pages * SPAN_SIZE, (has - pages) * SPAN_SIZE});
		large->run.size = pages * SPAN_SIZE;
	}
	return true;
}

void *large_resize(void *object, size_t size)
{
	struct large *large = large_of(object);
	void *moved = NULL;

	if (size > LARGEST || (size <= SMALL_MAX && (size <= GROWN_SMALL || up(size, PAGE) < large->size)))
		return NULL;
	if (large->run.chunk != NULL && large->guard == 0 && up(size, SPAN_SIZE) == large->run.size) {
		large->size = up(size, PAGE); /* the object keeps the same pages */
		return object;
	}
	if (!enter())
		return NULL;
	size = up(size, PAGE);
	if (resize(large, size)) {
		large->size = size;
		moved = large->run.base;
		map_set(moved, CODE_LARGE, NULL, large);
	}
	lock_leave(LOCK_OF_PAGES);
	return moved;
}
