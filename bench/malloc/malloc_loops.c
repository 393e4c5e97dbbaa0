/* SPDX-License-Identifier: MIT */
/*
 * malloc_loops.c - the time that the preloaded allocator takes for an operation of a loop, in nanoseconds. Most loops allocate
 * one object and free one in an operation.
 *
 *	loops LOOP THREADS
 *
 * A slice is one run of the loop in all threads at the same time. Its time is the wall time of each thread, without the time
 * for which the thread waited for a CPU. The time therefore includes waiting for locks, but not other processes. The figure of
 * a loop over objects of 64 bytes is the time of its best slice, because a slice is short. The figure of another loop is the
 * mean of all its slices but the first, so it includes work that happens rarely.
 */
#define _GNU_SOURCE
#include "malloc_loops.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SIZE 64
#define OBJECTS 20000 /* the number of small objects that a thread allocates in a slice */
#define BATCH 64
#define HANDED (100 * BATCH) /* the objects that a slice hands over: few, because both threads must run undisturbed */
#define TURN 250000000     /* the process ends when its slices took this many nanoseconds */
#define WALL_MAX 2000000000 /* the process ends after this many nanoseconds, even if other processes use the CPUs */
#define DELAY_PART 20      /* a slice in which threads waited for a CPU for more than a 20th of the time isn't the best one */

int thread_count;
static const struct loop *loop;
static pthread_barrier_t barrier;
static int at_gate, is_over;
static int64_t slice_time[THREADS_MAX], slice_delay[THREADS_MAX], added_delay[THREADS_MAX];
static long slice_operations[THREADS_MAX];

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000 + time.tv_nsec;
}

static long pairs(int thread)
{
	(void)thread;
	for (int i = 0; i < OBJECTS; i++)
		free(take(SIZE));
	return OBJECTS;
}

/* The operators new and delete of the preloaded allocator, or of the C++ library, which is loaded only for this loop. */
static void *(*new_object)(size_t size);
static void (*delete_object)(void *object, size_t size);

static void find_operators(int thread)
{
	if (thread != 0)
		return;
	if (dlopen("libstdc++.so.6", RTLD_NOW | RTLD_GLOBAL) == NULL)
		fprintf(stderr, "libstdc++ isn't here\n");
	*(void **)&new_object = dlsym(RTLD_DEFAULT, "_Znwm");
	*(void **)&delete_object = dlsym(RTLD_DEFAULT, "_ZdlPvm");
	if (new_object == NULL || delete_object == NULL)
		exit(1);
}

static long new_delete(int thread)
{
	(void)thread;
	for (int i = 0; i < OBJECTS; i++) {
		void *object = new_object(SIZE);

		*(volatile char *)object = 1;
		delete_object(object, SIZE);
	}
	return OBJECTS;
}

static long batches(void **row, int size)
{
	for (int i = 0; i < OBJECTS / size; i++) {
		for (int k = 0; k < size; k++)
			row[k] = take(SIZE);
		for (int k = 0; k < size; k++)
			free(row[k]);
	}
	return OBJECTS;
}

static void *rows[THREADS_MAX][10000];

static long batches_100(int thread)
{
	return batches(rows[thread], 100);
}

static long batches_1000(int thread)
{
	return batches(rows[thread], 1000);
}

static long batches_10000(int thread)
{
	return batches(rows[thread], 10000);
}

/* A batch that one thread hands to another. `full` is 1 while the batch has objects. */
static struct hand {
	_Alignas(64) void *objects[BATCH];
	int full;
} hands[THREADS_MAX];

/*
 * Threads with even numbers allocate, and threads with odd numbers free, in batches of 64. A thread spins while it waits for
 * another thread. The figure of each allocator includes this time.
 */
static long handed(int thread)
{
	struct hand *hand = &hands[thread / 2];
	int wanted = thread % 2;

	for (int i = 0; i < HANDED / BATCH; i++) {
		while (__atomic_load_n(&hand->full, __ATOMIC_ACQUIRE) != wanted)
			continue;
		for (int k = 0; k < BATCH; k++) {
			if (wanted)
				free(hand->objects[k]);
			else
				hand->objects[k] = take(SIZE);
		}
		__atomic_store_n(&hand->full, !wanted, __ATOMIC_RELEASE);
	}
	return HANDED;
}

static const struct loop small_loops[] = {
	{ .name = "pairs", .slice = pairs },
	{ .name = "new", .slice = new_delete, .begin = find_operators },
	{ .name = "batch-100", .slice = batches_100 },
	{ .name = "batch-1000", .slice = batches_1000 },
	{ .name = "batch-10000", .slice = batches_10000 },
	{ .name = "handed", .slice = handed, .threads_multiple = 2 },
	{ .name = NULL },
};

static const struct loop *const all[] = { small_loops, size_loops, thread_loops };

/* Returns the nanoseconds for which this thread was ready and had no CPU, or 0 if the kernel doesn't count them. */
static int64_t delay(int file)
{
	char text[100];
	long long ran, waited = 0;
	ssize_t got = pread(file, text, sizeof text - 1, 0);

	if (got <= 0)
		return 0;
	text[got] = '\0';
	return sscanf(text, "%lld %lld", &ran, &waited) == 2 ? waited : 0;
}

void loop_add_delay(int thread)
{
	int file = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);

	__atomic_add_fetch(&added_delay[thread], delay(file), __ATOMIC_RELAXED);
	close(file);
}

/* Threads that a barrier wakes begin one after the other, so they spin until all of them run. */
static void wait_for_all(int round)
{
	pthread_barrier_wait(&barrier);
	__atomic_add_fetch(&at_gate, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&at_gate, __ATOMIC_ACQUIRE) < (round + 1) * thread_count)
		continue;
}

static void *run(void *argument)
{
	int thread = (int)(intptr_t)argument, file = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	double total = 0, operations = 0, best = 1e18, best_of_all = 1e18;
	int64_t began = 0, used = 0;

	if (loop->begin != NULL)
		loop->begin(thread);
	for (int round = 0; !is_over; round++) {
		int64_t before, waited;

		wait_for_all(round);
		waited = delay(file);
		before = now();
		slice_operations[thread] = loop->slice(thread);
		slice_time[thread] = now() - before;
		slice_delay[thread] = delay(file) - waited + __atomic_exchange_n(&added_delay[thread], 0, __ATOMIC_RELAXED);
		pthread_barrier_wait(&barrier);
		if (thread == 0) {
			double time = 0, waits = 0, count = 0;

			for (int i = 0; i < thread_count; i++) {
				time += (double)(slice_time[i] - slice_delay[i]);
				waits += (double)slice_delay[i];
				count += (double)slice_operations[i];
			}
			if (waits <= time / DELAY_PART && time / count < best)
				best = time / count;
			if (time / count < best_of_all)
				best_of_all = time / count;
			if (round == 0) {
				began = now();
			} else {
				total += time;
				operations += count;
				used += (int64_t)(time / thread_count);
				is_over = (used >= TURN && (loop->is_whole || best < 1e18)) || now() - began >= WALL_MAX;
			}
		}
		pthread_barrier_wait(&barrier);
	}
	if (thread == 0)
		printf("%.3f\n", loop->is_whole ? total / operations : best < 1e18 ? best : best_of_all);
	return NULL;
}

static const struct loop *find(const char *name)
{
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		for (const struct loop *at = all[i]; at->name != NULL; at++)
			if (strcmp(at->name, name) == 0)
				return at;
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t list[THREADS_MAX];

	thread_count = argc == 3 ? atoi(argv[2]) : 0;
	loop = argc == 3 ? find(argv[1]) : NULL;
	if (loop == NULL || thread_count < 1 || thread_count > THREADS_MAX ||
	    (loop->threads_multiple != 0 && thread_count % loop->threads_multiple != 0)) {
		fprintf(stderr, "usage: loops LOOP THREADS, with one of these loops:\n");
		for (size_t i = 0; i < sizeof all / sizeof *all; i++)
			for (const struct loop *at = all[i]; at->name != NULL; at++)
				fprintf(stderr, "  %s\n", at->name);
		return 2;
	}
	pthread_barrier_init(&barrier, NULL, (unsigned)thread_count);
	for (int i = 0; i < thread_count; i++)
		if (pthread_create(&list[i], NULL, run, (void *)(intptr_t)i) != 0)
			return 1;
	for (int i = 0; i < thread_count; i++)
		pthread_join(list[i], NULL);
	return 0;
}
