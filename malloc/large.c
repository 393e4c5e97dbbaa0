/* SPDX-License-Identifier: MIT */
/* large.c - see large.h. */
#include "large.h"

#include "system.h"

#define LARGEST ((size_t)PTRDIFF_MAX - SPAN_SIZE)

struct large {
	struct run run;
	size_t size; /* what the program may use */
	size_t guard;
	struct large *next;
};

static struct large *forgotten; /* descriptions to be used again */
static struct run kept;         /* a mapping that was freed; of no size: none */
static size_t freed_last;
static bool can_move = true;

#define KEPT_MOST ((size_t)32 << 20)

/* Is it as large as the other, or up to a quarter more? */
static bool is_about(size_t size, size_t other)
{
	return size >= other && size - other <= other / 4;
}

static size_t up(size_t size, size_t to)
{
	return (size + to - 1) & ~(to - 1);
}

/* The one that is kept, or a new one. */
static bool find_mapping(struct large *large, size_t alignment, bool *zeroed)
{
	*zeroed = alignment > SPAN_SIZE || !is_about(kept.size, large->size);
	if (!*zeroed) {
		large->run = kept;
		kept.size = 0;
		return true;
	}
	large->run.chunk = NULL;
	large->run.size = large->size + large->guard;
	large->run.base = system_map(large->run.size, alignment > SPAN_SIZE ? alignment : SPAN_SIZE, true);
	if (large->run.base == NULL || map_prepare(large->run.base, 1))
		return large->run.base != NULL;
	system_unmap(large->run.base, large->run.size);
	return false;
}

static bool find_memory(struct large *large, size_t alignment, bool *zeroed)
{
	size_t size = up(large->size + large->guard, SPAN_SIZE);

	if (size <= RUN_MAX * SPAN_SIZE && alignment <= SPAN_SIZE)
		return pages_take(&large->run, (unsigned)(size / SPAN_SIZE), zeroed);
	if (!find_mapping(large, alignment, zeroed))
		return false;
	numbers.mappings++;
	numbers.mapped += large->run.size;
	return true;
}

void *large_take(size_t size, size_t alignment, bool *zeroed)
{
	struct large *large;
	char *object = NULL;

	if (size > LARGEST || !pages_enter())
		return NULL;
	if (forgotten == NULL)
		forgotten = system_describe(sizeof(*large));
	large = forgotten;
	if (large != NULL) {
		large->size = up(size == 0 ? 1 : size, PAGE);
		large->guard = system_wants_guards() ? PAGE : 0;
		if (find_memory(large, alignment, zeroed)) {
			forgotten = large->next;
			object = large->run.base;
			if (large->guard > 0)
				system_allow(object + large->size, large->guard, false);
			map_set(object, CODE_LARGE, NULL, large);
		}
	}
	pages_leave();
	return object;
}

/* Needs no lock: who has an object has its description. */
static struct large *large_of(const void *object)
{
	struct large *large = map_code(object) == CODE_LARGE ? map_owner(object) : NULL;

	if (large == NULL || large->run.base != object)
		system_die("no pointer from malloc", object);
	return large;
}

/* The second of about that size in a row is kept. Returns which one goes. */
static struct run keep(struct run run)
{
	bool again = is_about(run.size, freed_last) || is_about(freed_last, run.size);
	struct run goes = kept;

	freed_last = run.size;
	if (!again || run.size > KEPT_MOST)
		return run;
	kept = run;
	return goes;
}

void large_give(void *object)
{
	struct large *large;
	struct run run;

	if (!pages_enter())
		return; /* a handler that interrupted who has the pages: it is lost */
	large = large_of(object);
	run = large->run;
	map_set(object, CODE_NONE, NULL, NULL);
	if (large->guard > 0)
		system_allow(run.base + large->size, large->guard, true);
	large->next = forgotten;
	forgotten = large;
	if (run.chunk != NULL) {
		pages_give(&run);
	} else {
		numbers.mappings--;
		numbers.mapped -= run.size;
		if (large->guard == 0)
			run = keep(run);
	}
	pages_leave();
	if (run.chunk == NULL && run.size > 0)
		system_unmap(run.base, run.size);
}

void large_trim(void)
{
	if (kept.size > 0)
		system_unmap(kept.base, kept.size);
	kept.size = 0;
}

size_t large_size(const void *object)
{
	return large_of(object)->size;
}

/*
 * Its mapping, where it is or at another place, of that size. Where moving fails the place stays reserved: older kernels unmap
 * it first, and by now it may be another thread's. So that is tried once in a process.
 */
static bool grow(struct large *large, size_t size)
{
	char *to = large->run.base;

	if (!system_grow(to, large->run.size, size)) {
		to = can_move ? system_map(size, SPAN_SIZE, false) : NULL;
		if (to == NULL)
			return false;
		can_move = map_prepare(to, 1) && system_move(large->run.base, large->run.size, to, size);
		if (!can_move)
			return false;
		map_set(large->run.base, CODE_NONE, NULL, NULL);
	}
	numbers.mapped += size - large->run.size;
	large->run.base = to;
	large->run.size = size;
	return true;
}

/* With the pages' lock. */
static bool resize(struct large *large, size_t size)
{
	size_t pages = up(size, SPAN_SIZE) / SPAN_SIZE, has = large->run.size / SPAN_SIZE;

	if (large->guard > 0)
		return false;
	if (large->run.chunk == NULL && size > large->run.size)
		return grow(large, size);
	if (large->run.chunk == NULL) {
		if (size < large->run.size)
			system_unmap(large->run.base + size, large->run.size - size);
		numbers.mapped -= large->run.size - size;
		large->run.size = size;
		return true;
	}
	if (pages > has)
		return pages <= RUN_MAX && pages_extend(&large->run, (unsigned)(pages - has));
	if (pages < has) {
		struct run rest = large->run;

		rest.base += pages * SPAN_SIZE;
		rest.size -= pages * SPAN_SIZE;
		large->run.size -= rest.size;
		pages_give(&rest);
	}
	return true;
}

void *large_resize(void *object, size_t size)
{
	struct large *large;
	void *moved = NULL;

	if (size <= SMALL_MAX || size > LARGEST || !pages_enter())
		return NULL;
	large = large_of(object);
	size = up(size, PAGE);
	if (resize(large, size)) {
		large->size = size;
		moved = large->run.base;
		map_set(moved, CODE_LARGE, NULL, large);
	}
	pages_leave();
	return moved;
}
