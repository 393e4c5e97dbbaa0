/* SPDX-License-Identifier: MIT */
/*
 * sanitized.c - a program for sanitizers. It allocates memory and creates threads, and frees and joins them. It prints how many
 * of its four threads are registered for rseq: "done, 4 registered".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "quiet.h"

/* A thread that is registered gets EINVAL, before the kernel checks the address. */
static int is_registered(void)
{
	return syscall(quiet_rseq(), -4096L, 32, 0, 0x53053053) != 0 && errno == EINVAL;
}

static void *work(void *count)
{
	char *memory = malloc(100);

	memset(memory, 1, 100);
	free(memory);
	__atomic_fetch_add((int *)count, is_registered(), __ATOMIC_RELAXED);
	return NULL;
}

int main(void)
{
	pthread_t threads[3];
	int count = is_registered();
	char *memory = calloc(1000, 1);

	for (int i = 0; i < 3; i++)
		if (pthread_create(&threads[i], NULL, work, &count) != 0)
			return 1;
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	memory = realloc(memory, 100000);
	memory[99999] = memory[0];
	free(memory);
	printf("done, %d registered\n", count);
	return 0;
}
