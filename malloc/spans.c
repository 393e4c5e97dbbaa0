/* SPDX-License-Identifier: MIT */
/* spans.c - makes spans, each of which has objects of one size class, and takes objects from them; see spans.h. */
#include "spans.h"

#include <sys/queue.h>
#include "locks.h"
#include "mark.h"
#include "system.h"

/* The description of a span. */
struct span {
	struct run run;
	LIST_ENTRY(span) others; /* its neighbours in centrals[].having, or in `forgotten` */
	uint16_t class, many;
	uint16_t carved; /* how many objects were handed out at least once; memory after them wasn't accessed yet */
	uint16_t out;
	uint16_t guard; /* inaccessible bytes at the span's end; 0 without guards */
	uint64_t here[SPAN_SIZE / FINE / 64]; /* a bit for each carved object: 1 if the object is free in the span */
};

LIST_HEAD(spans, span);

static struct central {
	_Alignas(64) struct spans having; /* list of spans that have free objects */
	void *aside;                      /* list of objects that were freed while the class's lock couldn't be taken (locks.h) */
} centrals[CLASSES];

static struct spans forgotten; /* list of free descriptions; the lock of pages protects it */

/*
 * Makes a span. The caller has the class's lock, so this function always gets the lock of pages. The thread didn't interrupt code
 * that holds the lock of pages, and no fork can hold all locks while this thread holds one.
 */
static struct span *new_span(unsigned class, struct rk_cache *cache, bool grow)
{
	size_t guard = PAGE < SPAN_SIZE && class <= SMALL_CLASSES && system_wants(GUARDS) ? PAGE : 0;
	size_t bytes = class <= SMALL_CLASSES ? SPAN_SIZE : size_classes[class].size;
	struct span *span;
	struct run run;
	bool zeroed;

	(void)lock_enter(LOCK_OF_PAGES);
	span = LIST_FIRST(&forgotten);
	if (span == NULL && (span = system_describe(sizeof(*span))) != NULL)
		LIST_INSERT_HEAD(&forgotten, span, others);
	if (span != NULL && (grow || numbers.used < numbers.settled) &&
	    pages_take(&run, (unsigned)(bytes / SPAN_SIZE), &zeroed)) {
		LIST_REMOVE(span, others);
		*span = (struct span){.run = run, .class = (uint16_t)class, .guard = (uint16_t)guard,
				      .many = (uint16_t)((bytes - guard) / size_classes[class].size)};
		map_set(run.base, class, cache, span);
		if (guard > 0)
			system_allow(run.base + SPAN_SIZE - guard, guard, false);
	} else {
		span = NULL;
	}
	lock_leave(LOCK_OF_PAGES);
	return span;
}

/*
 * Frees a span's pages. Clears the marks of the span's objects first, so that the program can't find a mark in new memory and
 * copy it.
 */
static void release(struct span *span)
{
	size_t size = size_classes[span->class].size;

	(void)lock_enter(LOCK_OF_PAGES);
	for (unsigned i = 0; i < span->carved; i++)
		*mark_of(span->run.base + i * size) = 0;
	if (span->guard > 0)
		system_allow(span->run.base + SPAN_SIZE - span->guard, span->guard, true);
	map_set(span->run.base, CODE_NONE, NULL, NULL);
	pages_give(&span->run);
	LIST_INSERT_HEAD(&forgotten, span, others);
	lock_leave(LOCK_OF_PAGES);
}

static void *take_one(struct span *span)
{
	void *object;

	span->out++;
	for (unsigned i = 0; i < (span->carved + 63u) / 64; i++) {
		if (span->here[i] != 0) {
			unsigned bit = (unsigned)__builtin_ctzll(span->here[i]);

			span->here[i] &= span->here[i] - 1;
			return span->run.base + (size_t)(i * 64 + bit) * size_classes[span->class].size;
		}
	}
	object = span->run.base + (size_t)span->carved++ * size_classes[span->class].size;
	mark_free(object);
	return object;
}

/* Marks an object as free in its span. The caller has the class's lock. A span is in `having` while it has free objects. */
static void put_back(struct central *central, void *object)
{
	struct span *span = map_owner(object);
	unsigned index = (unsigned)((uintptr_t)object % SPAN_SIZE * size_classes[span->class].inverse >> 32);
	uint64_t bit = (uint64_t)1 << index % 64;

	/* If the object has no mark, it is in use: it was freed twice, and handed out in between. */
	if (index >= span->carved || (span->here[index / 64] & bit) != 0 || !mark_is_there(object))
		system_die("freed twice, or written to after it was freed", object);
	span->here[index / 64] |= bit;
	if (span->out-- == span->many)
		LIST_INSERT_HEAD(&central->having, span, others);
	if (span->out == 0 && (LIST_FIRST(&central->having) != span || LIST_NEXT(span, others) != NULL)) {
		LIST_REMOVE(span, others);
		release(span);
	}
}

/* Takes the class's lock, and puts back the objects that were put aside. Returns false if it can't take the lock. */
static bool enter(unsigned class)
{
	struct central *central = &centrals[class];

	if (!lock_enter(class))
		return false;
	for (void *object = take_aside(&central->aside), *next; object != NULL; object = next) {
		next = *(void **)object;
		put_back(central, object);
	}
	return true;
}

size_t spans_take(unsigned class, struct rk_cache *cache, void **objects, size_t count, bool grow)
{
	struct central *central = &centrals[class];
	size_t got = 0;

	if (!enter(class))
		return 0;
	while (got < count) {
		struct span *span = LIST_FIRST(&central->having);

		if (span == NULL) {
			span = new_span(class, cache, grow);
			if (span == NULL)
				break;
			LIST_INSERT_HEAD(&central->having, span, others);
		}
		while (got < count && span->out < span->many)
			objects[got++] = take_one(span);
		if (span->out == span->many)
			LIST_REMOVE(span, others);
	}
	lock_leave(class);
	return got;
}

void spans_give(unsigned class, void *const *objects, size_t count)
{
	struct central *central = &centrals[class];
	bool has_lock = enter(class);

	for (size_t i = 0; i < count; i++) {
		if (has_lock)
			put_back(central, objects[i]);
		else
			put_aside(&central->aside, objects[i]);
	}
	if (has_lock)
		lock_leave(class);
}

size_t spans_free(unsigned class)
{
	const struct span *span;
	size_t objects = 0;

	if (!enter(class))
		return 0;
	LIST_FOREACH(span, &centrals[class].having, others)
		objects += (size_t)(span->many - span->out);
	lock_leave(class);
	return objects;
}
