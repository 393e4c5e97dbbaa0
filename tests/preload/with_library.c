/* SPDX-License-Identifier: MIT */
/*
 * with_library.c - a program with its own copy of the library: linked, or opened at the given path.
 *
 * If the environment variable PAST is set, the program creates its threads by the function that it looks up in libc.so.6. A
 * preloaded object therefore doesn't see these threads start. jemalloc creates its threads in such a way.
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
#include <stdlib.h>

enum { THREADS = 16 };

static enum rk_owner (*owner)(void);
static int (*prepare)(void), (*current_cpu)(void);
static const char *(*name_of)(enum rk_owner);

/* `argument` is NULL, or the owner before the first operation. If it is NULL, that owner stays. */
static void *look(void *argument)
{
	/* At this point the copy has done nothing for this thread. */
	enum rk_owner before = owner();
	int r = prepare();
	enum rk_owner expected = argument == NULL ? owner() : *(enum rk_owner *)argument;

	return (void *)(intptr_t)(before == expected && current_cpu() >= 0 ? (r == 0 ? (int)owner() : 0) : 100);
}

int main(int argc, char **argv)
{
	void *library = dlopen(argc > 1 ? argv[1] : NULL, RTLD_NOW | RTLD_LOCAL);
	int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) = pthread_create;
	pthread_t thread[THREADS];
	enum rk_owner none = RK_OWNER_NONE;
	void *result, *own, *argument = NULL;

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
	if (getenv("PAST") != NULL) {
		void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);

		*(void **)&create = libc == NULL ? NULL : dlsym(libc, "pthread_create");
		if (create == NULL || create == pthread_create) {
			fputs("with_library: there is no pthread_create() past the preloaded one\n", stderr);
			return 2;
		}
		argument = &none;
	}
	own = look(NULL);
	for (int i = 0; i < THREADS; i++)
		if (create(&thread[i], NULL, look, argument) != 0)
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
