/* SPDX-License-Identifier: MIT */
/*
 * main.c - a program that uses the example library from four threads. It prints the owner of rseq in each thread, and fails if
 * the sum isn't exact.
 */
#include <pthread.h>
#include <stdio.h>
#include "hits.h"

#define THREADS 4
#define HITS 100000

static void *work(void *arg)
{
	int i, entered = hits_enter();

	for (i = 0; i < HITS; i++)
		hits_add();
	*(const char **)arg = hits_owner();
	if (entered == 0)
		hits_leave();
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];
	const char *owner[THREADS];
	int i;

	for (i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, work, &owner[i]) != 0)
			return 2;
	for (i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		printf("thread %d: %s\n", i, owner[i]);
	}
	printf("%lu hits of %d\n", hits_sum(), THREADS * HITS);
	return hits_sum() == (unsigned long)THREADS * HITS ? 0 : 1;
}
