/* SPDX-License-Identifier: MIT */
/*
 * hits.c - a library that counts hits by CPU. It shares rseq with the rest of its process, and needs to link nothing for that.
 * C99 and C++11.
 *
 * The CPU's number is only a hint here: it spreads threads over cache lines. The add is atomic, so the sum is exact, whether
 * threads are registered or not. For a library of your own, put a copy of embed.h next to its sources, and include that copy.
 */
#include "hits.h"

#include <rseqkit/embed.h>

#define SLOTS 64

static struct slot {
	unsigned long hits;
	char padding[64 - sizeof(unsigned long)];
} slots[SLOTS];

int hits_enter(void)
{
	return rke_thread_register();
}

void hits_leave(void)
{
	(void)rke_thread_unregister();
}

void hits_add(void)
{
	__atomic_fetch_add(&slots[rke_cpu() % SLOTS].hits, 1, __ATOMIC_RELAXED);
}

unsigned long hits_sum(void)
{
	unsigned long sum = 0;
	int i;

	for (i = 0; i < SLOTS; i++)
		sum += __atomic_load_n(&slots[i].hits, __ATOMIC_RELAXED);
	return sum;
}

const char *hits_owner(void)
{
	static const char *const names[] = {"none", "libc", "rseqkit", "early adopter", "foreign", "librseq"};

	return names[rke_thread_owner()];
}
