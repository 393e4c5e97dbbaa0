/* SPDX-License-Identifier: MIT */
/*
 * test_hidden.c - a program that registers its threads itself, on a private area, and exports no symbol of rseq. A preloaded
 * object of this project must not take the registration away. The program is started by a shell, which inherits LD_PRELOAD, too. The
 * program doesn't use cmocka, because it is also linked statically.
 *
 * LINKED   the program contains librseqkit.a and is run with RSEQKIT_AREA=own, which makes the library register a thread at its
 *          first operation. The library must register no thread, and must name the owner that the kernel knows.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <rseqkit/thread.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static __thread struct rk_area area __attribute__((__aligned__(32))) = {.cpu_id = (uint32_t)RK_CPU_ID_UNINITIALIZED};

static int number;
static int failures;

static void expect(int holds, const char *what)
{
	printf("%s %d - %s\n", holds ? "ok" : "not ok", ++number, what);
	failures += !holds;
}

/*
 * Registers the calling thread by code that the library can find. Without optimisation, the compiler stores the number in the
 * variable, and loads it from there.
 */
static int take(void)
{
	long call = SYS_rseq;

	return (int)syscall(call, &area, RK_AREA_LENGTH_ORIGINAL, 0, RK_SIGNATURE);
}

static void *live(void *arg)
{
	expect(take() == 0, "the component registers a new thread");
	return arg;
}

int main(void)
{
	pthread_t thread;

#ifdef LINKED
	expect(rk_thread_prepare() < 0 && rk_thread_reason() == RK_REASON_STRANGER, "the library registers no thread");
	expect(rk_thread_owner() == RK_OWNER_NONE, "an unregistered thread has no owner");
#endif
	expect(pthread_create(&thread, NULL, live, NULL) == 0 && pthread_join(thread, NULL) == 0, "a thread starts and ends");
	expect(take() == 0, "the component registers the initial thread");
#ifdef LINKED
	expect(rk_thread_owner() == RK_OWNER_FOREIGN, "the owner is foreign");
#endif
	printf("1..%d\n", number);
	return failures != 0;
}
