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
#include "kernel.h"

#ifndef AT_SECURE
#define AT_SECURE 23 /* include/uapi/linux/auxvec.h */
#endif

static const char wanted[] = "RSEQKIT_AREA=own"; /* with its terminator, as in the environment */

/* A part of the environment. `*matched` characters of a string are as wanted so far, -1 after a difference. */
static bool is_in(const char *text, long size, int *matched)
{
	for (long i = 0; i < size; i++) {
		if (*matched >= 0 && text[i] == wanted[*matched]) {
			if (++*matched == (int)sizeof(wanted))
				return true;
		} else {
			*matched = text[i] == '\0' ? 0 : -1;
		}
	}
	return false;
}

bool rk_choice_is_own(void)
{
	char text[256] = {0}; /* a signal handler's stack is short */
	int matched = 0;
	bool found = false;
	long fd, size, position = 0;

	if (rk_auxiliary(AT_SECURE) != 0)
		return false;
	fd = RK_SYSCALL(SYS_openat, AT_FDCWD, "/proc/self/environ", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	do {
		size = rk_kernel_read_at(fd, text, sizeof(text), position);
		position += size > 0 ? size : 0;
		found = size > 0 && is_in(text, size, &matched);
	} while (!found && (size > 0 || size == -EINTR));
	(void)RK_SYSCALL(SYS_close, (int)fd);
	return found;
}
