/* SPDX-License-Identifier: MIT */
/*
 * choices.c - tests which component registers threads. This depends on the kernel and on the environment. The first argument is
 * the name of the expected component, as rk_ktls_name() returns it. If there is a second argument, only the initial thread can
 * be registered, because pretend.c refuses all other threads. If pretend.c is preloaded, it counts the requests for
 * registration. After a thread's first request, further operations of this thread must make no request.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <rseqkit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>
#include "quiet.h"
#include "judge.h"

#ifndef AT_RSEQ_FEATURE_SIZE
#define AT_RSEQ_FEATURE_SIZE 27 /* include/uapi/linux/auxvec.h */
#endif

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

/*
 * The blob is the memory in which a kernel with KTLS keeps data of a thread. Checks the description of the blob that the library
 * returns, and whether the library's area is in the blob.
 */
static void check_layout(int by_kernel, int number)
{
	struct rk_ktls_layout layout = {.size = 0}, told = {.size = 0};
	int r = rk_ktls_query_kernel(&told, sizeof(told)), queried = rk_ktls_query(&layout, sizeof(layout));

	if (by_kernel)
		say(r == 0 && queried == 0 && memcmp(&layout, &told, sizeof(told)) == 0, number,
		    "the layout is what the kernel says");
	else if (getenv("PRETEND_KTLS") != NULL)
		say(r == -E2BIG && told.size != 0, number, "the kernel's blob is too large");
	else
		printf("ok %d # SKIP it isn't the kernel's\n", number);
	say(queried == -ENXIO ? rk_ktls_offset() == 0 :
				rk_ktls_offset() + (ptrdiff_t)layout.rseq_offset == rk_area_offset,
	    number + 1, "the area is in the blob");
}

int main(int argc, char **argv)
{
	const char *expected = argc >= 2 ? argv[1] : "", *found;
	int alone = argc >= 3, wanted = strcmp(expected, "none") != 0, here = -1, there = -1, no_answer;
	int by_kernel = strcmp(expected, "kernel") == 0;
	struct rk_ktls_layout layout;
	char text[128];
	pthread_t thread;

	printf("TAP version 13\n1..7\n");
	asked = (int *)dlsym(RTLD_DEFAULT, "pretend_asked");
	/* Asks through the libc's syscall(), so that pretend.c answers if it is preloaded. */
	no_answer = syscall(quiet_rseq(), &layout, sizeof(layout), RAW_KTLS, RAW_KTLS_GET_LAYOUT) != 0;
	if (no_answer && (by_kernel || getenv("PRETEND_KTLS") != NULL)) {
		for (int i = 1; i <= 7; i++)
			if (asked != NULL && getauxval(AT_RSEQ_FEATURE_SIZE) != 0)
				say(0, i, "the pretended kernel has answered");
			else
				printf("ok %d # SKIP this kernel has no KTLS\n", i);
		return failed;
	}
	(void)rk_process_init();
	found = rk_ktls_name(rk_ktls_provider());
	snprintf(text, sizeof(text), "%s registers threads, expected was %s", found, expected);
	say(strcmp(found, expected) == 0, 1, text);
	(void)prepare(&here);
	if (pthread_create(&thread, NULL, prepare, &there) != 0 || pthread_join(thread, NULL) != 0)
		there = -1;
	say(here == wanted, 2, wanted ? "the initial thread is registered" : "the initial thread isn't registered");
	say(there == (wanted && !alone), 3, wanted && !alone ? "another thread is registered" : "another thread isn't");
	snprintf(text, sizeof(text), "why the other one is so: %s", rk_reason_text((enum rk_reason)reason));
	say(alone ? reason == RK_REASON_AREA : (reason == RK_REASON_NONE) == wanted, 4, text);
	if (asked == NULL)
		printf("ok 5 # SKIP the kernel itself was asked\n");
	else
		say(asked_again == 0, 5, "what the kernel has said isn't asked again");
	check_layout(by_kernel, 6);
	return failed;
}
