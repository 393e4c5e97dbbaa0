/* SPDX-License-Identifier: MIT */
/*
 * own_allocator.c - a program with its own allocator, which lacks only reallocarray(). If the recorder (examples/recorder)
 * gives this allocator memory of another allocator to free, the program aborts.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static char heap[1 << 20] __attribute__((__aligned__(4096)));
static size_t used;

/* A block begins at a page, so no size is stored before it. */
void *malloc(size_t size)
{
	size_t begin = __atomic_fetch_add(&used, (size + 4095) & ~(size_t)4095, __ATOMIC_RELAXED);

	return begin + size <= sizeof(heap) ? heap + begin : NULL;
}

void free(void *memory)
{
	if (memory != NULL && (uintptr_t)memory - (uintptr_t)heap >= sizeof(heap))
		abort();
}

void *calloc(size_t count, size_t size)
{
	return malloc(count * size);
}

void *realloc(void *memory, size_t size)
{
	void *moved = malloc(size);

	if (moved != NULL && memory != NULL)
		memcpy(moved, memory, size < 4096 ? size : 4096);
	return moved;
}

int main(void)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	char *memory = strdup("its own");

	memory = reallocarray(memory, 10, 10);
	pthread_mutex_lock(&mutex);
	pthread_mutex_unlock(&mutex);
	if (memory == NULL || strcmp(memory, "its own") != 0)
		return 1;
	free(memory);
	return 7;
}
