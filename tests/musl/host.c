/* SPDX-License-Identifier: MIT */
/*
 * host.c - a program that loads a module with a copy of the library (tests/beside/coexist/copy.c). Either the module is linked to the
 * program and so loaded at start, or the program opens the module by dlopen().
 *
 *	host [MODULE]
 *
 * Prints three numbers, each an enum rk_reason: the reason of the initial thread, of the threads that the program creates, and
 * of the threads that the module creates. Succeeds only if the copy's counter is exact.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include "../beside/coexist/copy.h"

enum { THREADS = 20, ADDS = 1000 };

static const struct copy *copy;
static struct rk_counter *counter;

static void *live(void *reason)
{
	for (int i = 0; i < ADDS; i++)
		copy->add(counter, 1);
	*(enum rk_reason *)reason = copy->reason();
	return NULL;
}

static enum rk_reason in_threads(int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))
{
	enum rk_reason reason = RK_REASON_NONE, other = RK_REASON_NONE;

	for (int i = 0; i < THREADS; i++) {
		pthread_t thread;

		if (create(&thread, NULL, live, i == 0 ? &reason : &other) != 0)
			return (enum rk_reason)100;
		pthread_join(thread, NULL);
		if (i > 0 && other != reason)
			return (enum rk_reason)101;
	}
	return reason;
}

int main(int argc, char **argv)
{
	void *module = dlopen(argc > 1 ? argv[1] : NULL, RTLD_NOW | RTLD_LOCAL);
	copy_function *function;
	enum rk_reason initial, programs, modules;

	if (module == NULL) {
		fprintf(stderr, "host: %s\n", dlerror());
		return 2;
	}
	*(void **)&function = dlsym(module, "copy_of_rseqkit");
	if (function == NULL)
		return 2;
	copy = function();
	if (copy->create(&counter) != 0)
		return 2;
	live(&initial);
	programs = in_threads(pthread_create);
	modules = in_threads(copy->create_thread);
	printf("%d %d %d\n", (int)initial, (int)programs, (int)modules);
	return copy->sum(counter) == (2 * THREADS + 1) * ADDS ? 0 : 1;
}
