/* SPDX-License-Identifier: MIT */
/*
 * choices.c - a program with room for the kernel's blob, which its environment has do otherwise: who registers threads
 * then is the argument, a word of rk_ktls_name().
 */
#include <pthread.h>
#include <rseqkit.h>
#include <stdio.h>
#include <string.h>
#include "judge.h"

static void *prepare(void *registered)
{
	(void)rk_thread_prepare();
	*(int *)registered = judge_has_registration();
	return NULL;
}

int main(int argc, char **argv)
{
	const char *expected = argc == 2 ? argv[1] : "", *found;
	struct rk_ktls_layout layout;
	int wanted = strcmp(expected, "none") != 0, here = -1, there = -1;
	pthread_t thread;

	printf("TAP version 13\n1..3\n");
	if (strcmp(expected, "kernel") == 0 && raw_rseq(&layout, sizeof(layout), RAW_GET_KTLS_LAYOUT, 0) != 0) {
		for (int i = 1; i <= 3; i++)
			printf("ok %d # SKIP this kernel has no KTLS\n", i);
		return 0;
	}
	(void)rk_ktls_set_up();
	found = rk_ktls_name(rk_ktls_provider());
	printf("%s 1 - %s registers threads, expected was %s\n", strcmp(found, expected) == 0 ? "ok" : "not ok", found,
	       expected);
	(void)prepare(&here);
	if (pthread_create(&thread, NULL, prepare, &there) != 0 || pthread_join(thread, NULL) != 0)
		there = -1;
	printf("%s 2 - the initial thread is %sregistered\n", here == wanted ? "ok" : "not ok", wanted ? "" : "not ");
	printf("%s 3 - another thread is %sregistered\n", there == wanted ? "ok" : "not ok", wanted ? "" : "not ");
	return strcmp(found, expected) != 0 || here != wanted || there != wanted;
}
