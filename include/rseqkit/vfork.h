/* SPDX-License-Identifier: MIT */
/*
 * vfork.h - a vfork() of one's own, for who interposes it: with a call before it and one behind it.
 *
 * A vfork() can't be wrapped in C. It returns twice, the first time in the child, which then runs on the same stack and
 * spoils the frame of the wrapper. So the function that RK_VFORK() defines keeps in registers what the parent needs: each
 * task has its own.
 */
#ifndef RSEQKIT_VFORK_H
#define RSEQKIT_VFORK_H

#include <rseqkit/thread.h>

#include <sys/types.h>

/*
 * RK_VFORK(name, before, after); at file scope defines
 *
 *	pid_t name(void);
 *
 * a function with external linkage that does as vfork() does. It calls
 *
 *	int before(void);                     first, in the parent
 *	pid_t after(long made, int begun);    in the parent, once the child has called exec or ended
 *
 * `made` is the child's process id, or the negative errno of vfork, and then there was no child. `begun` is what before()
 * returned. What after() returns, the function returns. But where before() returns RK_VFORK_AS_FORK it couldn't make the
 * thread ready for a child on its memory: then the function calls fork(), as POSIX allows, and returns what that does, in
 * the child, too. after() isn't called. All three have been declared, in C++ extern "C", and none is static.
 * Assembly calls the two: link-time optimisation keeps them if they are declared __attribute__((__used__)). An allocator
 * whose children may allocate writes:
 *
 *	int begins(void)
 *	{
 *		return rk_vfork_begin() < 0 ? RK_VFORK_AS_FORK : 0;
 *	}
 *	pid_t ended(long made, int begun)
 *	{
 *		(void)rk_vfork_end();
 *		if (made >= 0)
 *			return (pid_t)made;
 *		errno = (int)-made;
 *		return -1;
 *	}
 *	RK_VFORK(vfork, begins, ended);
 *
 * rk_vfork_begin() in thread.h says what that is for. rk_vfork_run() is for programs, which needn't interpose.
 *
 * The function returns: in the child 0; in the parent as said. It may be unwound through from either of the two. On
 * architectures without critical sections it calls fork(), as POSIX allows. The compiler must know that a function of
 * another name than vfork returns twice: declare it __attribute__((__returns_twice__)).
 * Context: as that of before() and after(). Cost: vfork's, 50 to 150 us, and theirs.
 */
#define RK_VFORK_AS_FORK 0x666f726b /* of before(), see above */
#define RK_VFORK(name, before, after) RKI_VFORK(name, before, after)

#include <rseqkit/detail/vfork.h>

#endif /* RSEQKIT_VFORK_H */
