/* SPDX-License-Identifier: MIT */
/*
 * with_library.c - a program with its own copy of the library: linked, or opened at the given path.
 *
 * Prints the owner of the threads, as this copy sees it. Succeeds only if the owner is the same in each thread, and the
 * copy's operations work in each thread.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <rseqkit/thread.h>
#include <stdint.h>
#include <stdio.h>

enum { THREADS = 16 };

static enum rk_owner (*owner)(void);
static int (*prepare)(void), (*current_cpu)(void);
static const char *(*name_of)(enum rk_owner);

static void *look(void *argument)
{
	/* At this point the copy has done nothing for this thread. */
	enum rk_owner before = owner();
	int r = prepare();

	(void)argument;
	return (void *)(intptr_t)(owner() == before && current_cpu() >= 0 ? (r == 0 ? (int)before : 0) : 100);
}

int main(int argc, char **argv)
{
	void *library = dlopen(argc > 1 ? argv[1] : NULL, RTLD_NOW | RTLD_LOCAL);
	pthread_t thread[THREADS];
	void *result, *own;

	if (library == NULL) {
		fprintf(stderr, "with_library: %s\n", dlerror());
		return 2;
	}
	*(void **)&owner = dlsym(library, "rk_thread_owner");
	*(void **)&prepare = dlsym(library, "rk_thread_prepare");
	*(void **)&current_cpu = dlsym(library, "rk_cpu");
	*(void **)&name_of = dlsym(library, "rk_owner_name");
	if (!owner || !prepare || !current_cpu || !name_of)
		return 2;
	own = look(NULL);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, look, NULL) != 0)
			return 2;
	for (int i = 0; i < THREADS; i++) {
		pthread_join(thread[i], &result);
		if (result != own) {
			fprintf(stderr, "with_library: the initial thread says %d, another one %d\n", (int)(intptr_t)own,
				(int)(intptr_t)result);
			return 1;
		}
	}
	puts(name_of((enum rk_owner)(intptr_t)own));
	return 0;
}
