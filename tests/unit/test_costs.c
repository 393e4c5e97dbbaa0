/* SPDX-License-Identifier: MIT */
/*
 * Compares two modes of rseq on the running kernel: an area of 32 bytes (legacy mode), and an area of all bytes that
 * the kernel offers (optimised mode). The test measures a context switch, and a registration together with its
 * undoing, with both modes in the same threads. The results are ratios of optimised mode to legacy mode.
 *
 * Rounds of both modes alternate, and each ratio compares two rounds that follow each other. The test prints the
 * median and the quartiles, and asserts nothing about them. It fails only if it can't measure a mode that the kernel
 * has.
 */
#include "test.h"
#include <sched.h>
#include <sys/auxv.h>
#include <time.h>

#define ROUNDS_OF_EACH 31
#define SWITCHES 4000 /* context switches in a round; a switch to the other thread and back counts as two */
#define REGISTRATIONS 20000

static __thread unsigned char room[256] __attribute__((__aligned__(256)));
static int there[2], back[2];
static uint32_t length; /* the area's length in bytes in the present round */
static int the_cpu;

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int change(int flags)
{
	return syscall(quiet_rseq(), room, length, flags, RK_SIGNATURE) == 0 ? 0 : -errno;
}

/*
 * Binds the thread to one CPU, and replaces the usual registration by a registration of `length` bytes. leave()
 * restores the usual registration.
 */
static void enter(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(the_cpu, &set);
	CHECK(sched_setaffinity(0, sizeof(set), &set) == 0);
	(void)rk_thread_prepare();
	CHECK(rk_vfork_begin() == 0);
	CHECK(change(0) == 0);
}

static void leave(void)
{
	CHECK(change(1) == 0);
	CHECK(rk_vfork_end() == 0);
}

static void *answer(void *arg)
{
	char byte;

	enter();
	for (int64_t i = 0; i < ROUNDS(SWITCHES); i += 2)
		CHECK(read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1);
	leave();
	return arg;
}

/* Measures a context switch: two threads on one CPU wait for each other in turn. */
static double switches(void)
{
	pthread_t thread;
	char byte = 0;
	double start;

	CHECK(pthread_create(&thread, NULL, answer, NULL) == 0);
	enter();
	start = seconds();
	for (int64_t i = 0; i < ROUNDS(SWITCHES); i += 2)
		CHECK(write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1);
	start = seconds() - start;
	leave();
	CHECK(pthread_join(thread, NULL) == 0);
	return 1e9 * start / (double)ROUNDS(SWITCHES);
}

static double registrations(void)
{
	double start;

	enter();
	start = seconds();
	for (int64_t i = 0; i < ROUNDS(REGISTRATIONS); i++)
		CHECK(change(1) == 0 && change(0) == 0);
	start = seconds() - start;
	leave();
	return 1e9 * start / (double)ROUNDS(REGISTRATIONS);
}

static int by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void sort(double list[ROUNDS_OF_EACH])
{
	qsort(list, ROUNDS_OF_EACH, sizeof(list[0]), by_size);
}

static void compare(const char *what, double (*measure)(void), uint32_t full)
{
	double ns[2][ROUNDS_OF_EACH], ratio[ROUNDS_OF_EACH];
	const int low = ROUNDS_OF_EACH / 4, median = ROUNDS_OF_EACH / 2, high = ROUNDS_OF_EACH - 1 - low;

	for (int i = 0; i < ROUNDS_OF_EACH; i++) {
		for (int k = 0; k < 2; k++) {
			int second = (i + k) % 2; /* alternates which mode comes first */

			length = second ? full : RK_AREA_LENGTH_ORIGINAL;
			ns[second][i] = measure();
		}
		ratio[i] = ns[1][i] / ns[0][i];
	}
	sort(ns[0]);
	sort(ns[1]);
	sort(ratio);
	printf("# {\"cost\": \"%s\", \"legacy_ns\": %.0f, \"full_ns\": %.0f, \"full_length\": %u, "
	       "\"ratio\": %.3f, \"quartiles\": [%.3f, %.3f], \"rounds\": %d}\n",
	       what, ns[0][median], ns[1][median], full, ratio[median], ratio[low], ratio[high], ROUNDS_OF_EACH);
	fflush(stdout);
}

static int measure_both(void)
{
	uint32_t full = (uint32_t)getauxval(27 /* AT_RSEQ_FEATURE_SIZE */);

	the_cpu = rk_cpu();
	CHECK(pipe(there) == 0 && pipe(back) == 0);
	compare("context switch", switches, full);
	compare("registration and its undoing", registrations, full);
	return 0;
}

static void full_size_against_32_bytes(void **state)
{
	unsigned long full = getauxval(27);

	(void)state;
	NEEDS_RSEQ();
	if (full <= RK_AREA_LENGTH_ORIGINAL || full > sizeof(room))
		SKIP("this kernel offers no more than 32 bytes, or more than the test has: no second mode to compare");
	assert_int_equal(in_child(measure_both), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(full_size_against_32_bytes),
};

RUN(tests)
