/* SPDX-License-Identifier: MIT */
/*
 * process.c - the interposed functions that end a process without running its exit handlers, and the interposed vfork.
 *
 * A vfork child uses its parent's memory and TLS, without a registration of its own. Some children do more than call exec: in
 * dash they allocate, so the parent is in a bracket (rk_vfork_begin() in rseqkit/thread.h) while the child runs. The child's
 * calls are recorded as calls of its parent.
 */
#define _GNU_SOURCE
#include "recorder.h"

#include <errno.h>
#include <rseqkit/vfork.h>
#include <stdlib.h>
#include <unistd.h>

EXPORTED void _exit(int status)
{
	if (way() != WAY_OWN)
		recorder_end();
	next.process_exit(status);
}

EXPORTED void _Exit(int status)
{
	if (way() != WAY_OWN)
		recorder_end();
	next.process_exit_c(status);
}

int recorder_before_vfork(void) __attribute__((__used__));
pid_t recorder_after_vfork(long made, int begun) __attribute__((__used__));

/* Begins a bracket. If that fails, nothing is recorded until recorder_after_vfork(). */
int recorder_before_vfork(void)
{
	int begun = mine.silent > 0 ? -EBUSY : rk_vfork_begin();

	mine.silent += begun < 0;
	return begun;
}

/* Runs in the parent. If the child ended in the middle of a call, `is_allocating` is still set. */
pid_t recorder_after_vfork(long made, int begun)
{
	mine.is_allocating = false;
	if (begun == 0)
		(void)rk_vfork_end();
	else
		mine.silent--;
	if (made >= 0)
		return (pid_t)made;
	errno = (int)-made;
	return -1;
}

RK_VFORK(vfork, recorder_before_vfork, recorder_after_vfork);
RK_VFORK(__vfork, recorder_before_vfork, recorder_after_vfork);
