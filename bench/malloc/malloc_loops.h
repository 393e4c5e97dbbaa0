/* SPDX-License-Identifier: MIT */
/*
 * malloc_loops.h - what the files of `loops` share: the form of a loop, random numbers, and objects that remember their size.
 *
 * A loop's code runs in each thread, and knows the allocator only by malloc(), realloc(), free() and the operators of C++.
 */
#ifndef MALLOC_LOOPS_H
#define MALLOC_LOOPS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define THREADS_MAX 64
#define PAGE 4096

struct loop {
	const char *name;
	long (*slice)(int thread);  /* one run of the loop, in all threads at the same time; returns the number of operations */
	void (*begin)(int thread);  /* runs in each thread before the first slice, or NULL */
	int threads_multiple;       /* the number of threads has to be a multiple of this number */
	bool is_whole;              /* the figure is the mean of all slices but the first, and not the time of the best slice */
};

extern const struct loop size_loops[], thread_loops[]; /* each ends with an entry whose name is NULL */
extern int thread_count;

/*
 * Adds the time for which the calling thread waited for a CPU to the time for which the loop's thread number `thread` waited. If
 * a thread of the loop starts further threads, each of these calls this function before it ends.
 */
void loop_add_delay(int thread);

static inline uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15; /* the constants of splitmix64 (Steele, Lea and Flood; Vigna) */

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* Returns a random number from `least` to `most`. */
static inline size_t random_between(uint64_t *state, size_t least, size_t most)
{
	return least + (size_t)(((random_next(state) >> 32) * (uint64_t)(most - least + 1)) >> 32);
}

/* Allocates an object of at least 8 bytes, whose first word is its size. */
static inline void *take(size_t size)
{
	uint64_t *object = malloc(size);

	if (object == NULL)
		abort();
	*(volatile uint64_t *)object = size;
	return object;
}

/*
 * Frees an object of take(). If its first word is above `most`, the object was overwritten, and the process ends. Does nothing
 * for NULL.
 */
static inline void give(void *object, size_t most)
{
	if (object != NULL && *(uint64_t *)object > most)
		abort();
	free(object);
}

/* Writes a word to each page of the object. */
static inline void touch(void *object, size_t size)
{
	for (size_t at = PAGE; at < size; at += PAGE)
		*((volatile char *)object + at) = 1;
}
#endif
