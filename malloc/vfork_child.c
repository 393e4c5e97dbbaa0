/* SPDX-License-Identifier: MIT */
/*
 * vfork_child.c - replaces vfork(), so that the child can allocate memory.
 *
 * A vfork child uses its parent's memory and caches, and has no registration. To let the child allocate, the parent's
 * registration is undone until the child has ended or called exec (rseqkit/thread.h). If that fails, for example because a
 * seccomp filter refuses the call, the child gets memory of its own.
 */
#include <errno.h>
#include <rseqkit/thread.h>
#include <rseqkit/vfork.h>

int malloc_vfork_begins(void) __attribute__((__used__, __visibility__("hidden")));
int malloc_vfork_begins(void)
{
	return rk_vfork_begin() < 0 ? RK_VFORK_AS_FORK : 0;
}

pid_t malloc_vfork_ends(long made, int begun) __attribute__((__used__, __visibility__("hidden")));
pid_t malloc_vfork_ends(long made, int begun)
{
	(void)begun;
	(void)rk_vfork_end();
	if (made >= 0)
		return (pid_t)made;
	errno = (int)-made;
	return -1;
}

RK_VFORK(vfork, malloc_vfork_begins, malloc_vfork_ends);
RK_VFORK(__vfork, malloc_vfork_begins, malloc_vfork_ends);
