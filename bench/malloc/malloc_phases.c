/* SPDX-License-Identifier: MIT */
/*
 * malloc_phases.c - measures how much memory a process with a preloaded allocator takes in a phase, one of the three kinds of
 * work below. Prints the CPU time in seconds, and the largest and the last resident set in KiB.
 *
 *	phases steady | drift | random
 *
 * steady: 1000 live objects of 33 to 93 KB, of which random ones are replaced 60,000 times. drift: 32 MiB of live objects, whose
 * sizes begin with 32 bytes and end with 32 KiB; random objects are freed. random: 485 MB of live objects of 16 to 512 bytes, two
 * thirds of which are freed at random; then a second of CPU time with small objects. All memory of an object is written. The
 * lists of objects have a mapping of their own, which is the same with each allocator.
 */
#define _GNU_SOURCE
#include "malloc_loops.h"
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define LIST_MAX ((size_t)4 << 20) /* the largest number of objects in `list` */
#define STEADY 1000
#define DRIFT_LIVE ((size_t)32 << 20)
#define RANDOM_LIVE 485000000

static void **list;
static size_t count, bytes;
static uint64_t state = 1;

static void add(size_t size)
{
	void *object = take(size);

	if (count == LIST_MAX)
		abort();
	memset((char *)object + sizeof(uint64_t), 1, size - sizeof(uint64_t));
	list[count++] = object;
	bytes += size;
}

static void remove_random(void)
{
	size_t at = random_between(&state, 0, count - 1);

	bytes -= *(uint64_t *)list[at];
	give(list[at], LIST_MAX);
	list[at] = list[--count];
}

static double used(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void steady(void)
{
	for (int i = 0; i < 60 * STEADY; i++) {
		if (count == STEADY)
			remove_random();
		add(random_between(&state, 33000, 93000));
	}
}

static void drift(void)
{
	for (size_t size = 32; size <= 32768; size += size / 4)
		for (size_t new_bytes = 0; new_bytes < DRIFT_LIVE;) {
			size_t now = random_between(&state, size - size / 4, size + size / 4);

			while (bytes + now > DRIFT_LIVE)
				remove_random();
			add(now);
			new_bytes += now;
		}
}

static void free_at_random(void)
{
	void *small[1000] = { NULL };
	size_t all;
	double end;

	while (bytes < RANDOM_LIVE)
		add(random_between(&state, 16, 512));
	all = count;
	while (count > all / 3)
		remove_random();
	for (end = used() + 1; used() < end;)
		for (int i = 0; i < 10000; i++) {
			size_t at = random_between(&state, 0, 999);

			free(small[at]);
			small[at] = take(random_between(&state, 16, 256));
		}
}

/* Reads a number after a name in a file of /proc. */
static long number(const char *file, const char *name)
{
	char line[200];
	long found = -1;
	FILE *open = fopen(file, "r");

	while (open != NULL && found < 0 && fgets(line, sizeof line, open) != NULL)
		if (strncmp(line, name, strlen(name)) == 0)
			found = atol(line + strlen(name));
	if (open != NULL)
		fclose(open);
	return found;
}

int main(int argc, char **argv)
{
	void (*phase)(void) = argc != 2 ? NULL : strcmp(argv[1], "steady") == 0 ? steady :
		strcmp(argv[1], "drift") == 0 ? drift : strcmp(argv[1], "random") == 0 ? free_at_random : NULL;
	void *map = mmap(NULL, LIST_MAX * sizeof(void *), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (phase == NULL || map == MAP_FAILED) {
		fprintf(stderr, "usage: phases steady | drift | random\n");
		return 2;
	}
	list = map;
	phase();
	/* The kernel's count in smaps_rollup is exact. */
	printf("%.3f %ld %ld\n", used(), number("/proc/self/status", "VmHWM:"), number("/proc/self/smaps_rollup", "Rss:"));
	return 0;
}
