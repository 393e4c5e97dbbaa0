/* SPDX-License-Identifier: MIT */
/*
 * malloc_sizes.c - loops over objects of many sizes, each thread with its own objects: churn, medium and large objects,
 * buffers, realloc(), and bursts. The first word of an object is its size. When an object is freed, this word must not be above
 * the loop's largest size.
 */
#include "malloc_loops.h"

#define CHURN 400000 /* the number of live objects of all threads together */
#define LIVE 300     /* the number of live medium or large objects of each thread */
#define HUGE_LIVE 8
#define BUFFERS 4
#define BUFFER_SIZE 1500000
#define GROWN_MAX (1 << 20)
#define MIB ((size_t)1 << 20)

static struct place {
	_Alignas(64) void **objects;
	uint64_t state;
} places[THREADS_MAX];

static void make_place(int thread, size_t count)
{
	places[thread].state = (uint64_t)thread;
	places[thread].objects = calloc(count, sizeof(void *));
	if (places[thread].objects == NULL)
		abort();
}

/* Replaces one of the thread's `live` objects, chosen at random, by an object of a random size. Does this `count` times. */
static long replace(int thread, size_t live, long count, size_t least, size_t most, bool is_touched)
{
	struct place *place = &places[thread];

	for (long i = 0; i < count; i++) {
		size_t at = random_between(&place->state, 0, live - 1), size = random_between(&place->state, least, most);

		give(place->objects[at], most);
		place->objects[at] = take(size);
		if (is_touched)
			touch(place->objects[at], size);
	}
	return count;
}

static void begin_live(int thread)
{
	make_place(thread, LIVE);
}

static size_t churn_live(void)
{
	return CHURN / (size_t)thread_count;
}

static void begin_churn(int thread)
{
	make_place(thread, churn_live());
	for (size_t i = 0; i < churn_live(); i++)
		places[thread].objects[i] = take(random_between(&places[thread].state, 16, 512));
}

static long churn(int thread)
{
	return replace(thread, churn_live(), 50000, 16, 512, false);
}

static long medium(int thread)
{
	return replace(thread, LIVE, 20000, 4096, 32768, false);
}

static long medium_touched(int thread)
{
	return replace(thread, LIVE, 20000, 4096, 32768, true);
}

static long large(int thread)
{
	return replace(thread, LIVE, 5000, 33000, 230000, false);
}

static long large_touched(int thread)
{
	return replace(thread, LIVE, 2000, 33000, 230000, true);
}

static long huge_touched(int thread)
{
	return replace(thread, HUGE_LIVE, 50, MIB, 6 * MIB, true);
}

static long buffers(int thread)
{
	(void)thread;
	for (int i = 0; i < 25; i++) {
		void *all[BUFFERS];

		for (int k = 0; k < BUFFERS; k++) {
			all[k] = take(BUFFER_SIZE);
			touch(all[k], BUFFER_SIZE);
		}
		for (int k = 0; k < BUFFERS; k++)
			give(all[k], BUFFER_SIZE);
	}
	return 25 * BUFFERS;
}

/*
 * Grows an object from `size` to 1 MiB by many calls of realloc(), `rounds` times. Each call adds `step`, and 1/divisor of the
 * object's size unless divisor is 0. Writes to the last byte of each new size.
 */
static long grow(size_t size, size_t divisor, size_t step, int rounds)
{
	long count = 0;

	for (int i = 0; i < rounds; i++) {
		char *object = take(size);

		for (size_t now = size; now < GROWN_MAX; count++) {
			now += (divisor == 0 ? 0 : now / divisor) + step;
			object = realloc(object, now);
			if (object == NULL || *(uint64_t *)(void *)object != size)
				abort();
			*(volatile char *)(object + now - 1) = 1;
		}
		free(object);
	}
	return count;
}

static long grow_by_part(int thread)
{
	(void)thread;
	return grow(16, 10, 8, 50);
}

static long grow_by_page(int thread)
{
	(void)thread;
	return grow(PAGE, 0, PAGE, 20);
}

/*
 * Allocates 25 to 1600 objects of one size, and then frees them: in the order of allocation, in the reverse order, or in five
 * passes. A pass frees every fifth object.
 */
static long bursts(int thread)
{
	static const size_t sizes[] = { 16, 24, 48, 64, 100, 160, 256, 400, 640, 1000, 2048, 3000 };
	static const int counts[] = { 25, 100, 400, 1600 };
	static void *burst[THREADS_MAX][1600];
	void **all = burst[thread];
	long operations = 0;

	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
		for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
			for (int order = 0; order < 3; order++) {
				int count = counts[c];

				for (int i = 0; i < count; i++)
					all[i] = take(sizes[s]);
				for (int i = 0; i < count && order == 0; i++)
					give(all[i], sizes[s]);
				for (int i = count - 1; i >= 0 && order == 1; i--)
					give(all[i], sizes[s]);
				for (int first = 0; first < 5 && order == 2; first++)
					for (int i = first; i < count; i += 5)
						give(all[i], sizes[s]);
				operations += count;
			}
	return operations;
}

const struct loop size_loops[] = {
	{ .name = "churn", .slice = churn, .begin = begin_churn, .is_whole = true },
	{ .name = "medium", .slice = medium, .begin = begin_live, .is_whole = true },
	{ .name = "medium-touched", .slice = medium_touched, .begin = begin_live, .is_whole = true },
	{ .name = "large", .slice = large, .begin = begin_live, .is_whole = true },
	{ .name = "large-touched", .slice = large_touched, .begin = begin_live, .is_whole = true },
	{ .name = "huge-touched", .slice = huge_touched, .begin = begin_live, .is_whole = true },
	{ .name = "buffers", .slice = buffers, .is_whole = true },
	{ .name = "realloc-tenth", .slice = grow_by_part, .is_whole = true },
	{ .name = "realloc-page", .slice = grow_by_page, .is_whole = true },
	{ .name = "bursts", .slice = bursts, .is_whole = true },
	{ .name = NULL },
};
