/* SPDX-License-Identifier: MIT */
/*
 * beside.c - a program with the example library `hits` (examples/embed), which contains embed.h, and with librseqkit. The
 * argument says which of the two is used first in each thread. Exits with 0 only if both count exactly, with the same area in
 * each thread. With the libc's tunable off embed.h registers no thread in the libc's area: if `hits` comes first in a thread that
 * isn't registered, it must wait for librseqkit.
 *
 * usage: beside hits | rseqkit
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <rseqkit.h>
#include <rseqkit/embed.h>
#include "../../examples/embed/hits.h"

#define THREADS 4
#define ROUNDS 100000

static struct rk_counter *counter;
static int hits_first;

static void *work(void *arg)
{
	const char **trouble = (const char **)arg;
	int i, entered = -1, waits = hits_first && rke_kernel_has_registration() == 0;

	if (hits_first)
		entered = hits_enter();
	if (entered == -ENOTSUP && rke_kernel_has_registration() != 0)
		*trouble = "the example was refused, and registered the thread";
	for (i = 0; i < ROUNDS; i++) {
		hits_add();
		rk_counter_add(counter, 1);
	}
	if (!hits_first)
		entered = hits_enter();
	if (rk_thread_prepare() != 0)
		*trouble = "rseqkit can't register";
	if (entered != (waits && rk_thread_owner() == RK_OWNER_SELF ? -ENOTSUP : 0) || (entered != 0 && hits_enter() != 0))
		*trouble = "the example can't enter, or needn't wait";
	if (rke_thread_register() != 0)
		*trouble = "the program can't register";
	else if ((const volatile void *)rk_thread_area() != (const volatile void *)rke_thread_area())
		*trouble = "two areas";
	else if ((int)rk_thread_owner() != (int)rke_thread_owner())
		*trouble = "two owners";
	else if (rke_thread_unregister() != 0)
		*trouble = "the program can't unregister";
	hits_leave();
	if (rk_thread_area() == NULL)
		*trouble = "the example took rseqkit's registration with it";
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];
	const char *trouble = NULL;
	int i;

	hits_first = argc > 1 && strcmp(argv[1], "hits") == 0;
	if (rk_counter_create(&counter) != 0)
		return 2;
	for (i = 0; i < THREADS; i++) {
		if (pthread_create(&threads[i], NULL, work, &trouble) != 0)
			return 2;
		pthread_join(threads[i], NULL);
	}
	printf("%s: %lu hits, %ld counted, %s\n", rk_owner_name(rk_thread_owner()), hits_sum(),
	       (long)rk_counter_sum(counter), trouble == NULL ? "no trouble" : trouble);
	return trouble == NULL && hits_sum() == THREADS * ROUNDS && rk_counter_sum(counter) == THREADS * ROUNDS ? 0 : 1;
}
