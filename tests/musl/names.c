/* SPDX-License-Identifier: MIT */
/*
 * names.c - a program that looks for the area by the C library's names, as programs for glibc 2.35 do. It uses strong
 * references (so the program can contain copies of the variables), weak references, and dlsym(), as modules do. With -DMODULE
 * this file is a module that looks for the area.
 *
 *	names [MODULE...]
 *
 * Succeeds only if all ways find the same area, and the kernel confirms in every thread that this area is registered. The MODULEs
 * that the program loads, and a module that is linked to the program, must find the same area.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "quiet.h"
#include "../../src/os/thread_pointer.h"

#ifdef WEAK
#define KIND __attribute__((weak))
#else
#define KIND
#endif
extern const ptrdiff_t __rseq_offset KIND;
extern const unsigned int __rseq_size KIND, __rseq_flags KIND;

/* Returns a text that says which check failed in this thread, or NULL. */
#ifdef MODULE
#define look look_from_start
#endif
void *look(void *unused);

void *look(void *arg)
{
	const ptrdiff_t *offset = dlsym(RTLD_DEFAULT, "__rseq_offset");
	const unsigned int *size = dlsym(RTLD_DEFAULT, "__rseq_size");
	char *tp = rk_thread_pointer();

	(void)arg;
	if (offset == NULL || size == NULL || offset != &__rseq_offset || size != &__rseq_size)
		return "not the same objects";
	if (__rseq_size < 20 || __rseq_flags != 0 || __rseq_offset == 0)
		return "not the values of a registration";
	if (*(volatile int32_t *)(tp + __rseq_offset + 4) < 0)
		return "no CPU number there";
	return syscall(quiet_rseq(), tp + __rseq_offset, 32, 1, 0x12345678) == -1 && errno == EPERM ? NULL : "not registered";
}

#ifndef MODULE
#pragma weak look_from_start
extern void *look_from_start(void *unused);

static void *look_everywhere(void *(*from)(void *))
{
	void *wrong = from(NULL);

	for (int i = 0; i < 100 && wrong == NULL; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, from, NULL) != 0)
			return "no thread";
		pthread_join(thread, &wrong);
	}
	return wrong;
}

int main(int argc, char **argv)
{
	void *wrong = look_everywhere(look);

	if (wrong == NULL && look_from_start != NULL)
		wrong = look_everywhere(look_from_start);
	for (int i = 1; i < argc && wrong == NULL; i++) {
		void *(*late)(void *);
		void *module = dlopen(argv[i], RTLD_NOW | RTLD_LOCAL);

		if (module == NULL)
			return 2;
		*(void **)&late = dlsym(module, "look_from_start");
		wrong = late == NULL ? "nothing to look with" : look_everywhere(late);
	}
	if (wrong != NULL)
		fprintf(stderr, "names: %s\n", (char *)wrong);
	return wrong != NULL;
}
#endif
