/* SPDX-License-Identifier: MIT */
/*
 * malloc_loops.c - the time that the preloaded allocator takes for objects of 64 bytes. Prints nanoseconds of CPU time for each
 * object: the least of many slices.
 *
 *	loops pairs | rows | handed THREADS
 *
 * pairs: an object is allocated, and freed at once. rows: 256 objects are allocated, then freed in the same order. handed: one
 * thread allocates objects, and another thread frees them, in batches of 64 (THREADS is even).
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SIZE 64
#define SLICES 400
#define OBJECTS 20000 /* of a slice */
#define ROW 256
#define BATCH 64
#define THREADS_MAX 64

static double best[THREADS_MAX];
static pthread_barrier_t barrier;

/* A batch that one thread hands to another. `full` is 1 while the batch has objects. */
static struct hand {
	_Alignas(64) void *objects[BATCH];
	int full;
} hands[THREADS_MAX];

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec * 1000000000 + time.tv_nsec;
}

static void *take(void)
{
	char *object = malloc(SIZE);

	if (object == NULL)
		abort();
	*(volatile char *)object = 1;
	return object;
}

static void pairs(int thread)
{
	(void)thread;
	for (int i = 0; i < OBJECTS; i++)
		free(take());
}

static void rows(int thread)
{
	void *row[ROW];

	(void)thread;
	for (int i = 0; i < OBJECTS / ROW; i++) {
		for (int k = 0; k < ROW; k++)
			row[k] = take();
		for (int k = 0; k < ROW; k++)
			free(row[k]);
	}
}

/*
 * Threads with even numbers allocate, and threads with odd numbers free. A thread spins while it waits for another one. The
 * figure of each allocator includes this time.
 */
static void handed(int thread)
{
	struct hand *hand = &hands[thread / 2];
	int wanted = thread % 2;

	for (int i = 0; i < OBJECTS / BATCH; i++) {
		while (__atomic_load_n(&hand->full, __ATOMIC_ACQUIRE) != wanted)
			continue;
		for (int k = 0; k < BATCH; k++) {
			if (wanted)
				free(hand->objects[k]);
			else
				hand->objects[k] = take();
		}
		__atomic_store_n(&hand->full, !wanted, __ATOMIC_RELEASE);
	}
}

static void (*way)(int thread);

static void *run(void *argument)
{
	int thread = (int)(intptr_t)argument;

	best[thread] = 1e9;
	for (int i = 0; i < SLICES; i++) {
		int64_t before, took;

		pthread_barrier_wait(&barrier);
		before = now();
		way(thread);
		took = now() - before;
		if ((double)took / OBJECTS < best[thread])
			best[thread] = (double)took / OBJECTS;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = argc == 3 ? atoi(argv[2]) : 0;
	pthread_t list[THREADS_MAX];
	double sum = 0;

	way = argc < 2 ? NULL : strcmp(argv[1], "pairs") == 0 ? pairs : strcmp(argv[1], "rows") == 0 ? rows : handed;
	if (way == NULL || threads < 1 || threads > THREADS_MAX || (way == handed && threads % 2 != 0)) {
		fprintf(stderr, "usage: loops pairs | rows | handed THREADS\n");
		return 2;
	}
	pthread_barrier_init(&barrier, NULL, (unsigned)threads);
	for (int i = 0; i < threads; i++)
		if (pthread_create(&list[i], NULL, run, (void *)(intptr_t)i) != 0)
			return 1;
	for (int i = 0; i < threads; i++) {
		pthread_join(list[i], NULL);
		sum += best[i];
	}
	printf("%.3f\n", sum / threads);
	return 0;
}
