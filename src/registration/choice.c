/* SPDX-License-Identifier: MIT */
/*
 * choice.c - reads the environment that the program was started with.
 *
 * The invariant: every copy of this library asks the same question, whenever and wherever it does. So the kernel is
 * asked, which knows where exec put the strings. The libc's `environ` is another thing: each namespace of dlmopen has
 * one, a preloaded allocator runs before it is there, and other threads or the interrupted code may be changing it.
 * The answer may differ all the same, where /proc comes and goes, descriptors run short, or the program overwrites the
 * strings, as setproctitle() does. A choice that was made is on the page by then (process.c), which comes first.
 */
#define _GNU_SOURCE
#include "choice.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include "kernel.h"

#ifndef AT_SECURE
#define AT_SECURE 23 /* include/uapi/linux/auxvec.h */
#endif

/* With their terminators, as in the environment. */
static const struct {
	const char *text;
	size_t size;
} wanted[] = {
	[RK_CHOICE_OWN] = {"RSEQKIT_AREA=own", sizeof("RSEQKIT_AREA=own")},
	[RK_CHOICE_OTHERS] = {"RSEQKIT_AREA=others", sizeof("RSEQKIT_AREA=others")},
};

#define CHOICES (sizeof(wanted) / sizeof(wanted[0]))

/* How many characters of a string are as wanted so far; DIFFERS after a difference. */
#define DIFFERS SIZE_MAX

/* A part of the environment. Returns the choice that is complete, or none. */
static enum rk_choice find(const char *text, long size, size_t matched[CHOICES])
{
	for (long i = 0; i < size; i++) {
		for (size_t c = RK_CHOICE_NONE + 1; c < CHOICES; c++) {
			if (matched[c] == DIFFERS || text[i] != wanted[c].text[matched[c]])
				matched[c] = text[i] == '\0' ? 0 : DIFFERS;
			else if (++matched[c] == wanted[c].size)
				return (enum rk_choice)c;
		}
	}
	return RK_CHOICE_NONE;
}

enum rk_choice rk_choice(void)
{
	char text[256] = {0}; /* a signal handler's stack is short */
	size_t matched[CHOICES] = {0};
	enum rk_choice choice = RK_CHOICE_NONE;
	long fd, size, position = 0;

	if (rk_auxiliary(AT_SECURE) != 0)
		return RK_CHOICE_NONE;
	fd = RK_SYSCALL(SYS_openat, AT_FDCWD, "/proc/self/environ", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return RK_CHOICE_NONE;
	do {
		size = rk_kernel_read_at(fd, text, sizeof(text), position);
		position += size > 0 ? size : 0;
		if (size > 0)
			choice = find(text, size, matched);
	} while (choice == RK_CHOICE_NONE && (size > 0 || size == -EINTR));
	(void)RK_SYSCALL(SYS_close, (int)fd);
	return choice;
}
