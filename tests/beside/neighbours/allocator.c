/* SPDX-License-Identifier: MIT */
/*
 * allocator.c - an allocator for preloading. It uses rseq as tcmalloc does today. The code of its per-CPU mode is early.c with
 * -DTAGGED. The first allocation chooses the mode, before any other module's constructor runs.
 *
 * Size classes are powers of two. Free blocks are on one list per CPU, or on a single list without the per-CPU mode. An
 * allocation skips a list that is in use and never waits for it, so handlers and children of fork can't hang. Every block has
 * a header with its state; a wrong state ends the process.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "neighbour.h"

#define LISTS 64
#define SMALLEST 5 /* log2 of the size, with the header */
#define LARGEST 17 /* log2; larger blocks have their own mapping */
#define CHUNK (4UL << 20)
#define IN_USE 0x6d616c6cu
#define FREE 0x66726565u

/* Precedes every block. It has 16 bytes, so the block is 16-aligned. */
struct header {
	uint32_t state;
	uint32_t class; /* log2 of the size; 0: the block has its own mapping */
	size_t size;    /* usable bytes; in an aligned block, the bytes after its beginning */
};

struct block {
	struct header header;
	struct block *next; /* while the block is free */
};

static struct list {
	bool taken;
	struct block *first[LARGEST + 1];
} lists[LISTS] __attribute__((__aligned__(64)));

static char *chunk_next, *chunk_end;
static bool chunk_taken;
static uint64_t allocations, threads_seen;
static __thread uint32_t calls __attribute__((__tls_model__("initial-exec")));

static bool take(bool *taken)
{
	return !__atomic_exchange_n(taken, true, __ATOMIC_ACQUIRE);
}

static void give(bool *taken)
{
	__atomic_store_n(taken, false, __ATOMIC_RELEASE);
}

static void *map(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/* Returns new memory: a part of the chunk if no other thread holds the chunk, otherwise a mapping. */
static struct block *fresh(size_t size)
{
	char *memory = NULL;

	if (take(&chunk_taken)) {
		if ((size_t)(chunk_end - chunk_next) < size) {
			chunk_next = map(CHUNK);
			chunk_end = chunk_next == NULL ? NULL : chunk_next + CHUNK;
		}
		memory = chunk_next;
		if (memory != NULL)
			chunk_next += size;
		give(&chunk_taken);
	}
	return memory != NULL ? (struct block *)memory : map(size);
}

/*
 * Returns the list of this CPU, whose number is in the area. The first call in the process chooses the mode. A thread's first
 * call enters this mode, which registers the thread if the mode uses rseq.
 */
static struct list *list_here(void)
{
	const struct neighbour *mode = neighbour_here();
	uint32_t cpu;

	if (calls++ == 0) {
		__atomic_fetch_add(&threads_seen, 1, __ATOMIC_RELAXED);
		(void)mode->enter();
	}
	if (!mode->is_fast())
		return &lists[0];
	if (calls == 100 && !mode->work())
		abort();
	cpu = ((volatile uint32_t *)mode->area())[1];
	/*
	 * In per-CPU mode every thread is registered, except between rk_vfork_begin() and rk_vfork_end(). There the CPU number
	 * in the area is negative.
	 */
	return &lists[(int32_t)cpu < 0 ? 0 : cpu % LISTS];
}

static void *allocate(size_t size)
{
	struct list *list = list_here();
	struct block *block = NULL;
	uint32_t class = SMALLEST;

	__atomic_fetch_add(&allocations, 1, __ATOMIC_RELAXED);
	if (size > PTRDIFF_MAX - 8192)
		return NULL;
	size += sizeof(struct header);
	while (class <= LARGEST && (1UL << class) < size)
		class++;
	if (class > LARGEST) {
		size = (size + 4095) & ~4095UL;
		block = map(size);
		class = 0;
	} else {
		size = 1UL << class;
		if (take(&list->taken)) {
			block = list->first[class];
			if (block != NULL) {
				if (block->header.state != FREE || block->header.class != class)
					abort();
				list->first[class] = block->next;
			}
			give(&list->taken);
		}
		if (block == NULL)
			block = fresh(size);
	}
	if (block == NULL)
		return NULL;
	block->header = (struct header){.state = IN_USE, .class = class, .size = size - sizeof(struct header)};
	return &block->header + 1;
}

static struct header *header_of(void *memory)
{
	struct header *header = (struct header *)memory - 1;

	if (header->state != IN_USE)
		abort();
	return header;
}

EXPORTED void free(void *memory)
{
	struct header *header;
	struct block *block;
	struct list *list;

	if (memory == NULL)
		return;
	header = header_of(memory);
	header->state = FREE;
	if (header->class == 0)
		return; /* the block's own mapping isn't unmapped: the tests have few such blocks */
	/* An aligned block begins inside another block and isn't reused. */
	if (header->size != (1UL << header->class) - sizeof(struct header))
		return;
	block = (struct block *)header;
	list = list_here();
	if (!take(&list->taken))
		return; /* the block is lost, because free() never waits */
	block->next = list->first[header->class];
	list->first[header->class] = block;
	give(&list->taken);
}

EXPORTED void *malloc(size_t size)
{
	void *memory = allocate(size);

	if (memory == NULL)
		errno = ENOMEM;
	return memory;
}

EXPORTED void *calloc(size_t count, size_t size)
{
	size_t bytes;
	void *memory = __builtin_mul_overflow(count, size, &bytes) ? NULL : allocate(bytes);

	if (memory == NULL)
		errno = ENOMEM;
	else
		memset(memory, 0, bytes);
	return memory;
}

EXPORTED void *realloc(void *memory, size_t size)
{
	size_t old = memory == NULL ? 0 : header_of(memory)->size;
	void *moved;

	if (memory != NULL && size <= old)
		return memory;
	moved = malloc(size);
	if (moved == NULL || memory == NULL)
		return moved;
	memcpy(moved, memory, old);
	free(memory);
	return moved;
}

EXPORTED int posix_memalign(void **memory, size_t alignment, size_t size)
{
	size_t total;
	char *begin, *aligned;

	if (alignment < sizeof(void *) || (alignment & (alignment - 1)) != 0)
		return EINVAL;
	if (__builtin_add_overflow(size, alignment, &total))
		return ENOMEM;
	begin = allocate(total);
	if (begin == NULL)
		return ENOMEM;
	aligned = (char *)(((uintptr_t)begin + alignment - 1) & ~(alignment - 1));
	if (aligned != begin) {
		struct header *outer = header_of(begin), *inner = (struct header *)aligned - 1;
		struct header copy = *outer;

		copy.size -= (size_t)(aligned - begin);
		*inner = copy;
	}
	*memory = aligned;
	return 0;
}

EXPORTED void *aligned_alloc(size_t alignment, size_t size)
{
	void *memory = NULL;
	int r = posix_memalign(&memory, alignment < sizeof(void *) ? sizeof(void *) : alignment, size);

	if (r != 0)
		errno = r;
	return memory;
}

EXPORTED void *memalign(size_t alignment, size_t size)
{
	return aligned_alloc(alignment, size);
}

EXPORTED void *valloc(size_t size)
{
	return aligned_alloc(4096, size);
}

EXPORTED size_t malloc_usable_size(void *memory)
{
	return memory == NULL ? 0 : header_of(memory)->size;
}

/* For the test: stores the number of allocations, and the number of threads that made them. */
EXPORTED void allocator_report(uint64_t *made, uint64_t *threads);

void allocator_report(uint64_t *made, uint64_t *threads)
{
	*made = __atomic_load_n(&allocations, __ATOMIC_RELAXED);
	*threads = __atomic_load_n(&threads_seen, __ATOMIC_RELAXED);
}

/* This module is initialised first of all (-z initfirst), so this call chooses the mode. */
__attribute__((__constructor__)) static void first_allocation(void)
{
	free(malloc(1));
}
