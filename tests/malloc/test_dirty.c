/* SPDX-License-Identifier: MIT */
/*
 * test_dirty.c - tests how much memory of free pages goes back to the kernel, and how often the program takes it again. Each test
 * runs in a child, because the allocator's limit for such memory grows while a process frees and allocates.
 */
#include "refuse.h"
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define MIB ((size_t)1 << 20)

static char *take(size_t size)
{
	char *buffer = malloc(size);

	if (buffer != NULL)
		memset(buffer, 1, size);
	return buffer;
}

/* Returns how much memory the process has taken from the kernel so far, as pages in MiB. */
static long taken(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt * sysconf(_SC_PAGESIZE) / (long)MIB;
}

/*
 * Buffers become larger step by step, up to 30 MiB. The program takes at most 20 MiB more than the largest buffer has. If the
 * limit grew only by the bytes that were given back too early, the program would take nearly 60 MiB.
 */
static int buffers_become_larger(void)
{
	long before = taken();

	for (size_t size = 3; size <= 30; size++) {
		char *buffer = take(size * MIB);

		CHECK(buffer != NULL);
		free(buffer);
	}
	CHECK(taken() - before <= 50);
	return 0;
}

static void limit_grows_quickly(void **state)
{
	(void)state;
	assert_int_equal(in_child(buffers_become_larger), 0);
}

/* Returns the resident memory in MiB. */
static long resident(void)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "r");
	char line[256];
	long kb = -1;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "Rss: %ld", &kb) == 1)
			break;
	if (file != NULL)
		fclose(file);
	return kb / 1024;
}

/* Two chunks of 32 MiB have some 60 MiB of free memory. A trim to 52 MiB gives back less than a chunk, though one is free. */
static int trim_a_little(void)
{
	char *held[60];
	long full = resident(); /* so that the later calls get their objects from the first chunk, too */

	CHECK(full > 0 && prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 60; i++)
			CHECK((held[i] = take(MIB)) != NULL);
		for (int i = 0; i < 60; i++)
			free(held[i]);
	}
	full = resident();
	CHECK(full > 56);
	CHECK(malloc_trim(52 * MIB) == 1);
	CHECK(full - resident() >= 4 && full - resident() <= 20);
	return 0;
}

static void trim_keeps_what_it_may(void **state)
{
	(void)state;
	assert_int_equal(in_child(trim_a_little), 0);
}

/* If the kernel refuses to take memory back, a buffer that the program didn't touch takes no memory after it is freed. */
static int free_under_a_filter(void)
{
	char *buffer = malloc(16 * MIB);
	long before = resident();

	CHECK(buffer != NULL && before > 0);
	refuse(SYS_madvise, SYS_madvise, EPERM);
	free(buffer);
	CHECK(resident() - before <= 1);
	for (int i = 0; i < 100; i++) {
		buffer = calloc(16, MIB);
		CHECK(buffer != NULL && buffer[0] == 0 && buffer[8 * MIB] == 0);
		memset(buffer, 1, 16 * MIB);
		free(buffer);
	}
	return 0;
}

static void refused_memory_stays(void **state)
{
	(void)state;
	assert_int_equal(in_child(free_under_a_filter), 0);
}

static long at_start; /* resident MiB */

/* Takes and frees a buffer of 24 MiB. Returns how many MiB are still resident then. */
static long left_of_buffer(void)
{
	char *buffer = take(24 * MIB);

	CHECK(buffer != NULL && at_start > 0 && resident() - at_start >= 23);
	free(buffer);
	return resident() - at_start;
}

static int choose_limit(void)
{
	long left, took;

	at_start = resident();
	CHECK(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0);
	CHECK(mallopt(M_TRIM_THRESHOLD, 0) == 1);
	CHECK(left_of_buffer() <= 1);
	CHECK(mallopt(M_TRIM_THRESHOLD, 8 << 20) == 1);
	left = left_of_buffer();
	CHECK(left >= 4 && left <= 9);
	CHECK(mallopt(M_TRIM_THRESHOLD, 0) == 1 && resident() - at_start <= 1); /* a lower limit counts at once */
	CHECK(mallopt(M_TRIM_THRESHOLD, -1) == 1);
	CHECK(left_of_buffer() >= 23);
	took = taken();
	CHECK(left_of_buffer() >= 23 && taken() - took <= 1); /* the second buffer has the first one's memory */
	return 0;
}

/* Without a limit of the program's choice, the memory would go back after about a second. */
static int wait_below_limit(void)
{
	at_start = resident();
	CHECK(mallopt(M_TRIM_THRESHOLD, 64 << 20) == 1);
	CHECK(left_of_buffer() >= 23);
	for (int i = 0; i < 12; i++) {
		usleep(200000);
		for (int k = 0; k < 16; k++)
			free(take(MIB));
	}
	return resident() - at_start >= 23 ? 0 : 1;
}

static void program_chooses_the_limit(void **state)
{
	(void)state;
	assert_int_equal(in_child(choose_limit), 0);
	assert_int_equal(in_child(wait_below_limit), 0);
}

static size_t mappings_after(void *object)
{
	CHECK(object != NULL);
	return mallinfo2().hblks;
}

static int choose_mappings(void)
{
	static const int refused[] = {-1, 0, 1000, 32768, (32 << 20) + 1, INT32_MAX};
	size_t before = mallinfo2().hblks;
	void *small, *large, *zeroed, *grown;

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		CHECK(mallopt(M_MMAP_THRESHOLD, refused[i]) == 0);
	CHECK(mappings_after(large = malloc(3 * MIB)) == before);
	free(large);
	CHECK(mallopt(M_MMAP_THRESHOLD, 100000) == 1);
	CHECK(mappings_after(small = malloc(99999 - 4096)) == before);
	CHECK(mappings_after(large = malloc(100000)) == before + 1);
	CHECK(mappings_after(zeroed = calloc(100, 1000)) == before + 2);
	CHECK(mappings_after(grown = realloc(small, 250000)) == before + 3);
	memset(large, 1, 100000);
	free(large);
	free(zeroed);
	free(grown);
	CHECK(mallinfo2().hblks == before);
	CHECK(mallopt(M_MMAP_THRESHOLD, 32 << 20) == 1);
	CHECK(mappings_after(large = malloc(3 * MIB)) == before);
	free(large);
	return 0;
}

static void program_chooses_mappings(void **state)
{
	static const int unknown[] = {M_TOP_PAD, M_MMAP_MAX, M_ARENA_MAX, M_PERTURB, M_MXFAST, 12345};

	(void)state;
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		assert_int_equal(mallopt(unknown[i], 1), 0);
	assert_int_equal(in_child(choose_mappings), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(limit_grows_quickly),
	cmocka_unit_test(trim_keeps_what_it_may),
	cmocka_unit_test(refused_memory_stays),
	cmocka_unit_test(program_chooses_the_limit),
	cmocka_unit_test(program_chooses_mappings),
};

RUN(tests)
