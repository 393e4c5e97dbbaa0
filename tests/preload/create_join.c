/* SPDX-License-Identifier: MIT */
/* create_join.c - prints how many nanoseconds it takes to create and join a thread: the median of several runs of N threads. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { RUNS = 5 };

static void *routine(void *argument)
{
	return argument;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	long count = argc > 1 ? atol(argv[1]) : 2000;
	double runs[RUNS];

	for (int run = 0; run < RUNS; run++) {
		double start = now();

		for (long i = 0; i < count; i++) {
			pthread_t thread;

			if (pthread_create(&thread, NULL, routine, NULL) != 0 || pthread_join(thread, NULL) != 0)
				return 1;
		}
		runs[run] = (now() - start) / (double)count;
	}
	qsort(runs, RUNS, sizeof(runs[0]), compare);
	printf("%.0f\n", runs[RUNS / 2]);
	return 0;
}
