/* SPDX-License-Identifier: MIT */
/*
 * heap.c - the functions of allocators that the recorder interposes. The program gets what its allocator returned. Memory for
 * the recorder's own work (WAY_OWN, recorder.h) comes from next.c.
 */
#define _GNU_SOURCE
#include "recorder.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/* Returns how a call is handled. A call that an allocator makes to itself isn't recorded, because the outer call is recorded. */
static enum way way_in(void)
{
	enum way found = way();

	return found == WAY_RECORD && (mine.is_allocating || !next.allocates) ? WAY_PASS : found;
}

static uint64_t begin_call(void)
{
	mine.is_allocating = true;
	return rk_ring_clock();
}

/* Leaves errno as the allocator set it. */
static void *end_call(enum event_kind kind, uint64_t start, void *memory, size_t size)
{
	struct event event = {.kind = kind, .start = start, .address = (uintptr_t)memory, .size = size};

	if (memory != NULL)
		event.usable = next.usable_size(memory);
	mine.is_allocating = false;
	record(&event);
	return memory;
}

static size_t product(size_t count, size_t size)
{
	size_t bytes;

	return __builtin_mul_overflow(count, size, &bytes) ? SIZE_MAX : bytes;
}

#define ALLOCATE(kind, bytes, alignment, call)                                                                         \
	do {                                                                                                           \
		enum way way_ = way_in();                                                                              \
		uint64_t start_;                                                                                       \
                                                                                                                       \
		if (RKI_UNLIKELY(way_ != WAY_RECORD))                                                                  \
			return way_ == WAY_OWN ? own_memory(bytes, alignment) : call;                                  \
		start_ = begin_call();                                                                                 \
		return end_call(kind, start_, call, bytes);                                                            \
	} while (0)

EXPORTED void *malloc(size_t size)
{
	ALLOCATE(EVENT_MALLOC, size, 0, next.allocate(size));
}

EXPORTED void *calloc(size_t count, size_t size)
{
	ALLOCATE(EVENT_CALLOC, product(count, size), 0, next.calloc(count, size));
}

EXPORTED void *aligned_alloc(size_t alignment, size_t size)
{
	ALLOCATE(EVENT_ALIGNED_ALLOC, size, alignment, next.aligned_alloc(alignment, size));
}

EXPORTED void *memalign(size_t alignment, size_t size)
{
	ALLOCATE(EVENT_MEMALIGN, size, alignment, next.memalign(alignment, size));
}

EXPORTED void *valloc(size_t size)
{
	ALLOCATE(EVENT_VALLOC, size, 4096, next.valloc(size));
}

EXPORTED void *pvalloc(size_t size)
{
	ALLOCATE(EVENT_PVALLOC, size, 4096, next.pvalloc(size));
}

EXPORTED int posix_memalign(void **memory, size_t alignment, size_t size)
{
	enum way here = way_in();
	uint64_t start;
	int r;

	if (here == WAY_OWN) {
		*memory = own_memory(size, alignment);
		return *memory == NULL ? ENOMEM : 0;
	}
	if (here == WAY_PASS)
		return next.posix_memalign(memory, alignment, size);
	start = begin_call();
	r = next.posix_memalign(memory, alignment, size);
	(void)end_call(EVENT_POSIX_MEMALIGN, start, r == 0 ? *memory : NULL, size);
	return r;
}

static void record_release(enum event_kind kind, void *memory)
{
	struct event event = {.kind = kind, .address = (uintptr_t)memory, .usable = next.usable_size(memory)};

	record(&event);
}

/* Copies a block of next.c's memory to a new block. The new block is from next.c if `stays`, otherwise from malloc(). */
static void *move_own(void *memory, size_t size, bool stays)
{
	size_t before = own_memory_size(memory);
	void *moved = stays ? own_memory(size, 0) : malloc(size);

	if (moved != NULL)
		memcpy(moved, memory, before < size ? before : size);
	return moved;
}

static void *reallocate(enum event_kind kind, void *memory, size_t size, void *(*call)(void *, size_t, size_t), size_t count,
			size_t each)
{
	enum way here = way_in();
	struct event failed = {.kind = kind, .size = size};
	void *moved;

	if (RKI_UNLIKELY(memory != NULL && is_own_memory(memory)))
		return move_own(memory, size, here == WAY_OWN);
	if (here == WAY_OWN)
		return memory == NULL ? own_memory(size, 0) : NULL;
	if (here == WAY_PASS)
		return call(memory, count, each);
	failed.start = begin_call();
	if (memory != NULL) {
		failed.usable = next.usable_size(memory);
		record_release(EVENT_REALLOC_OF, memory);
	}
	moved = call(memory, count, each);
	if (moved != NULL || size == 0)
		return end_call(kind, failed.start, moved, size);
	mine.is_allocating = false;
	record(&failed); /* the call failed, so the old memory is still allocated */
	return NULL;
}

static void *call_realloc(void *memory, size_t count, size_t size)
{
	(void)count;
	return next.realloc(memory, size);
}

static void *call_reallocarray(void *memory, size_t count, size_t size)
{
	return next.reallocarray(memory, count, size);
}

EXPORTED void *realloc(void *memory, size_t size)
{
	return reallocate(EVENT_REALLOC, memory, size, call_realloc, 1, size);
}

EXPORTED void *reallocarray(void *memory, size_t count, size_t size)
{
	return reallocate(EVENT_REALLOCARRAY, memory, product(count, size), call_reallocarray, count, size);
}

EXPORTED void free(void *memory)
{
	enum way here;

	if (memory == NULL || RKI_UNLIKELY(is_own_memory(memory)))
		return;
	here = way_in();
	if (here == WAY_OWN)
		return; /* the allocator can be unknown or unusable now (next.c), so its blocks aren't freed */
	if (here == WAY_RECORD)
		record_release(EVENT_FREE, memory);
	mine.is_allocating = true;
	next.free(memory);
	mine.is_allocating = false;
}
