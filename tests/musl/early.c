/* SPDX-License-Identifier: MIT */
/*
 * early.c - a program that was never linked with the library. It contains an early adopter (a component that defines
 * __rseq_abi, ../beside/neighbours/early.c) or, with EMBEDDED, rseqkit/embed.h. The library is preloaded. The library must use the
 * adopter's area, and embed.h must find the library's area. The program prints the owner of the area in its initial thread and
 * in another thread.
 */
#include <pthread.h>
#include <stdio.h>

#ifdef EMBEDDED
#include <rseqkit/embed.h>

static const char *owner(void)
{
	static const char *const names[] = {"none", "libc", "self", "early", "foreign", "librseq"};

	return rke_thread_register() == 0 ? names[rke_thread_owner()] : "none";
}
#else
#include "../beside/neighbours/neighbour.h"

static const char *owner(void)
{
	const struct neighbour *early = neighbour_calls();

	return early->is_fast() && early->users() == 1 ? "early" : "none";
}
#endif

static void *run(void *arg)
{
	*(const char **)arg = owner();
	return NULL;
}

int main(void)
{
	const char *of_thread = "";
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, &of_thread) != 0 || pthread_join(thread, NULL) != 0)
		return 1;
	printf("%s %s\n", owner(), of_thread);
	return 0;
}
