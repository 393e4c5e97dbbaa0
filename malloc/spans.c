/* SPDX-License-Identifier: MIT */
/* spans.c - see spans.h. */
#include "spans.h"

#include <rseqkit/mutex.h>
#include "heap.h"
#include "system.h"

struct span {
	struct run run;
	struct span *next, *previous; /* of those that have some */
	uint16_t class, many;
	uint16_t carved; /* objects that ever left; the others' memory was never touched */
	uint16_t out;
	bool is_listed, is_guarded;
	uint64_t here[SPAN_SIZE / FINE / 64]; /* a bit for each carved object */
};

static struct central {
	_Alignas(64) struct rk_mutex lock;
	struct span *having; /* spans with objects */
	void *aside;         /* what handlers freed: each begins with the next one's address */
} centrals[CLASSES];

static struct span *forgotten; /* descriptions to be used again; under the lock of pages */

static void list(struct central *central, struct span *span)
{
	span->is_listed = true;
	span->previous = NULL;
	span->next = central->having;
	if (span->next != NULL)
		span->next->previous = span;
	central->having = span;
}

static void unlist(struct central *central, struct span *span)
{
	span->is_listed = false;
	if (span->next != NULL)
		span->next->previous = span->previous;
	if (span->previous != NULL)
		span->previous->next = span->next;
	else
		central->having = span->next;
}

static struct span *new_span(unsigned class, bool grow)
{
	struct run run;
	struct span *span = NULL;
	bool zeroed;

	if (!pages_enter())
		return NULL;
	if (forgotten == NULL)
		forgotten = system_describe(sizeof(*span));
	if (forgotten != NULL && (grow || numbers.used < numbers.chunks) && pages_take(&run, 1, &zeroed)) {
		span = forgotten;
		forgotten = span->next;
		*span = (struct span){.run = run, .class = (uint16_t)class, .many = (uint16_t)size_classes[class].many,
				      .is_guarded = PAGE < SPAN_SIZE && system_wants_guards()};
		map_set(span->run.base, class, heap_caches[class], span);
	}
	pages_leave();
	if (span != NULL && span->is_guarded) {
		span->many = (uint16_t)((SPAN_SIZE - PAGE) / size_classes[class].size);
		system_allow(span->run.base + SPAN_SIZE - PAGE, PAGE, false);
	}
	return span;
}

/*
 * False if a handler interrupted who has the pages: the span stays then. Its objects' marks go, so that none is ever in
 * memory that somebody gets, and may copy.
 */
static bool release(struct span *span)
{
	size_t size = size_classes[span->class].size;

	if (!pages_enter())
		return false;
	for (unsigned i = 0; i < span->carved; i++)
		*heap_mark(span->run.base + i * size) = 0;
	if (span->is_guarded)
		system_allow(span->run.base + SPAN_SIZE - PAGE, PAGE, true);
	map_set(span->run.base, CODE_NONE, NULL, NULL);
	pages_give(&span->run);
	span->next = forgotten;
	forgotten = span;
	pages_leave();
	return true;
}

static void *take_one(struct span *span)
{
	for (unsigned i = 0; i < (span->carved + 63u) / 64; i++) {
		if (span->here[i] != 0) {
			unsigned bit = (unsigned)__builtin_ctzll(span->here[i]);

			span->here[i] &= span->here[i] - 1;
			span->out++;
			return span->run.base + (size_t)(i * 64 + bit) * size_classes[span->class].size;
		}
	}
	span->out++;
	return span->run.base + (size_t)span->carved++ * size_classes[span->class].size;
}

/* With the class's lock. */
static void put_back(struct central *central, void *object)
{
	struct span *span = map_owner(object);
	unsigned index = (unsigned)((uintptr_t)object % SPAN_SIZE) / size_classes[span->class].size;
	uint64_t bit = (uint64_t)1 << index % 64;

	if (index >= span->carved || (span->here[index / 64] & bit) != 0)
		system_die("freed twice", object);
	span->here[index / 64] |= bit;
	span->out--;
	if (!span->is_listed)
		list(central, span);
	if (span->out == 0 && (span->next != NULL || span->previous != NULL)) {
		unlist(central, span);
		if (!release(span))
			list(central, span);
	}
}

/* The lock, and what was put aside comes back. False if it is this thread's. */
static bool enter(struct central *central)
{
	void *object;

	if (inside.spans || inside.pages)
		return false;
	inside.spans = true;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (!inside.fork)
		(void)rk_mutex_lock(&central->lock);
	object = __atomic_load_n(&central->aside, __ATOMIC_RELAXED);
	if (RKI_LIKELY(object == NULL))
		return true;
	object = __atomic_exchange_n(&central->aside, NULL, __ATOMIC_ACQUIRE);
	while (object != NULL) {
		void *next = *(void **)object;

		put_back(central, object);
		object = next;
	}
	return true;
}

static void leave(struct central *central)
{
	if (!inside.fork)
		(void)rk_mutex_unlock(&central->lock);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	inside.spans = false;
}

static void put_aside(struct central *central, void *object)
{
	void *next = __atomic_load_n(&central->aside, __ATOMIC_RELAXED);

	do
		*(void **)object = next;
	while (!__atomic_compare_exchange_n(&central->aside, &next, object, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

size_t spans_take(unsigned class, void **objects, size_t count, bool grow)
{
	struct central *central = &centrals[class];
	size_t got = 0;

	if (!enter(central))
		return 0;
	while (got < count) {
		struct span *span = central->having;

		if (span == NULL) {
			span = new_span(class, grow);
			if (span == NULL)
				break;
			list(central, span);
		}
		while (got < count && span->out < span->many)
			objects[got++] = take_one(span);
		if (span->out == span->many)
			unlist(central, span);
	}
	leave(central);
	return got;
}

void spans_give(unsigned class, void *object)
{
	struct central *central = &centrals[class];

	if (!enter(central)) {
		put_aside(central, object);
		return;
	}
	put_back(central, object);
	leave(central);
}

size_t spans_free(void)
{
	size_t bytes = 0;

	for (unsigned i = 1; i < CLASSES; i++) {
		if (!enter(&centrals[i]))
			continue;
		for (const struct span *span = centrals[i].having; span != NULL; span = span->next)
			bytes += (size_t)(span->many - span->out) * size_classes[i].size;
		leave(&centrals[i]);
	}
	return bytes;
}

void spans_fork_begins(void)
{
	for (unsigned i = 1; i < CLASSES; i++)
		(void)rk_mutex_lock(&centrals[i].lock);
}

void spans_fork_ends(void)
{
	for (unsigned i = 1; i < CLASSES; i++)
		(void)rk_mutex_unlock(&centrals[i].lock);
}
