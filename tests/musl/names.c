/* SPDX-License-Identifier: MIT */
/*
 * names.c - a program that looks for the area by the C library's names, as programs for glibc 2.35 do: strongly (then
 * it may hold copies of them), weakly, and by dlsym() in a module's way.
 *
 * Fails unless all ways find the same area, and the kernel says that it is registered, in every thread.
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

#ifdef WEAK
#define KIND __attribute__((weak))
#else
#define KIND
#endif
extern const ptrdiff_t __rseq_offset KIND;
extern const unsigned int __rseq_size KIND, __rseq_flags KIND;

static void *look(void *arg)
{
	const ptrdiff_t *offset = dlsym(RTLD_DEFAULT, "__rseq_offset");
	const unsigned int *size = dlsym(RTLD_DEFAULT, "__rseq_size");
	char *tp;

	(void)arg;
	__asm__("mov %%fs:0, %0" : "=r"(tp));
	if (offset == NULL || size == NULL || offset != &__rseq_offset || size != &__rseq_size)
		return "not the same objects";
	if (__rseq_size < 20 || __rseq_flags != 0 || __rseq_offset == 0)
		return "not the values of a registration";
	if (*(volatile int32_t *)(tp + __rseq_offset + 4) < 0)
		return "no CPU number there";
	return syscall(SYS_rseq, tp + __rseq_offset, 32, 1, 0x12345678) == -1 && errno == EPERM ? NULL : "not registered";
}

int main(void)
{
	void *wrong = look(NULL);

	for (int i = 0; i < 100 && wrong == NULL; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, look, NULL) != 0)
			return 2;
		pthread_join(thread, &wrong);
	}
	if (wrong != NULL)
		fprintf(stderr, "names: %s\n", (char *)wrong);
	return wrong != NULL;
}
