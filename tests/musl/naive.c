/* SPDX-License-Identifier: MIT */
/*
 * naive.c - shows what musl does to a thread that ends registered, with an area in the thread's own TLS. This program
 * contains no library of ours.
 *
 *	naive joined|detached THREADS
 *
 * With detached threads the process dies: the kernel writes to an area that is no longer mapped.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIGNATURE 0x53053053

static __thread uint32_t area[8] __attribute__((aligned(32))) = {0, UINT32_MAX};
static int alive;

static void *live(void *arg)
{
	if (syscall(SYS_rseq, area, sizeof(area), 0, SIGNATURE) != 0)
		_exit(3);
	__atomic_fetch_sub(&alive, 1, __ATOMIC_RELEASE);
	return arg;
}

int main(int argc, char **argv)
{
	int joined = argc == 3 && strcmp(argv[1], "joined") == 0;
	pthread_attr_t detached;

	if (argc != 3)
		return 2;
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	for (int i = atoi(argv[2]); i > 0; i--) {
		pthread_t thread;

		while (__atomic_load_n(&alive, __ATOMIC_ACQUIRE) > 8)
			sched_yield();
		__atomic_fetch_add(&alive, 1, __ATOMIC_RELAXED);
		if (pthread_create(&thread, joined ? NULL : &detached, live, NULL) != 0)
			__atomic_fetch_sub(&alive, 1, __ATOMIC_RELAXED);
		else if (joined)
			pthread_join(thread, NULL);
	}
	return 0;
}
