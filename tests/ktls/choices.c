/* SPDX-License-Identifier: MIT */
/*
 * choices.c - whom the kernel and the environment have register threads: the first argument is a word of rk_ktls_name().
 * With a second one the kernel can't register threads but the initial one, says so (pretend.c), and is asked once.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <rseqkit.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "judge.h"

static int *asked;
static int reason, asked_again = -1;

static void *prepare(void *registered)
{
	(void)rk_thread_prepare();
	*(int *)registered = judge_has_registration();
	reason = rk_thread_reason();
	if (asked == NULL)
		return NULL;
	asked_again = *asked;
	for (int i = 0; i < 100; i++)
		(void)rk_thread_prepare();
	asked_again = *asked - asked_again;
	return NULL;
}

static int failed;

static void say(int good, int number, const char *what)
{
	printf("%s %d - %s\n", good ? "ok" : "not ok", number, what);
	failed |= !good;
}

int main(int argc, char **argv)
{
	const char *expected = argc >= 2 ? argv[1] : "", *found;
	char here_text[64], there_text[64], text[128];
	struct rk_ktls_layout layout, told;
	int alone = argc >= 3, wanted = strcmp(expected, "none") != 0, here = -1, there = -1;
	pthread_t thread;

	printf("TAP version 13\n1..6\n");
	/* By the libc's function, which pretend.c replaces. */
	if ((strcmp(expected, "kernel") == 0 || alone) &&
	    syscall(SYS_rseq, &layout, sizeof(layout), RAW_GET_KTLS_LAYOUT, 0) != 0) {
		for (int i = 1; i <= 6; i++)
			printf("ok %d # SKIP this kernel has no KTLS\n", i);
		return 0;
	}
	(void)rk_ktls_set_up();
	found = rk_ktls_name(rk_ktls_provider());
	snprintf(text, sizeof(text), "%s registers threads, expected was %s", found, expected);
	say(strcmp(found, expected) == 0, 1, text);
	(void)prepare(&here);
	asked = (int *)dlsym(RTLD_DEFAULT, "pretend_asked");
	if (pthread_create(&thread, NULL, prepare, &there) != 0 || pthread_join(thread, NULL) != 0)
		there = -1;
	snprintf(here_text, sizeof(here_text), "the initial thread is %sregistered", wanted ? "" : "not ");
	say(here == wanted, 2, here_text);
	snprintf(there_text, sizeof(there_text), "another thread is %sregistered", wanted && !alone ? "" : "not ");
	say(there == (wanted && !alone), 3, there_text);
	snprintf(text, sizeof(text), "why the other one is so: %s", rk_reason_text((enum rk_reason)reason));
	say(alone ? reason == RK_REASON_AREA : (reason == RK_REASON_NONE) == wanted, 4, text);
	if (asked == NULL)
		printf("ok 5 # SKIP the kernel itself was asked\n");
	else
		say(asked_again == 0, 5, "what the kernel has said isn't asked again");
	if (strcmp(expected, "kernel") == 0)
		say(rk_ktls_query(&layout, sizeof(layout)) == 0 && rk_ktls_ask(&told, sizeof(told)) == 0 &&
			    memcmp(&layout, &told, sizeof(told)) == 0,
		    6, "the layout is what the kernel says");
	else
		printf("ok 6 # SKIP it isn't the kernel's\n");
	return failed;
}
