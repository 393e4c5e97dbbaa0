/* SPDX-License-Identifier: MIT */
/*
 * vfork.h - defines a vfork() for a component that interposes it, with a call before the vfork and a call after it.
 *
 * A vfork() can't be wrapped in C. It returns twice, the first time in the child. The child then runs on the same stack and
 * overwrites the frame of the wrapper. So the function that RK_VFORK() defines keeps the parent's data in registers: each task
 * has registers of its own.
 */
#ifndef RSEQKIT_VFORK_H
#define RSEQKIT_VFORK_H

#include <rseqkit/thread.h>

#include <sys/types.h>

/*
 * At file scope RK_VFORK(name, before, after); defines
 *
 *	pid_t name(void);
 *
 * This function has external linkage, and does what vfork() does. It calls
 *
 *	int before(void);                     first, in the parent
 *	pid_t after(long made, int begun);    in the parent, once the child has called exec or ended
 *
 * `made` is the child's process id, or the negative errno of vfork if there is no child. `begun` is the value that before()
 * returned. The function returns the value that after() returned.
 *
 * If before() couldn't make the thread ready for a child on its memory, it returns RK_VFORK_AS_FORK. Then the function calls
 * fork(), as POSIX allows, and doesn't call after(). It returns the value of fork(), in the child too.
 *
 * All three functions must have been declared, in C++ as extern "C", and none is static. Assembly calls before() and after().
 * Declare them __attribute__((__used__)), so that link-time optimisation keeps them. An allocator whose children may allocate
 * writes:
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
 * See rk_vfork_begin() in thread.h for the purpose. A program that needn't interpose vfork() uses rk_vfork_run() instead.
 *
 * The function returns 0 in the child, and in the parent the value described above. Unwinders get through it from before() and
 * from after().
 *
 * On architectures without critical sections, and in code with 32-bit pointers, the function calls before(), then fork(), and at
 * once after() in the parent. POSIX allows fork() there too.
 *
 * If the name isn't vfork, the compiler must know that the function returns twice: declare it __attribute__((__returns_twice__)).
 * Context: as that of before() and after(). Cost: that of vfork, 50 to 150 us, and that of before() and after().
 */
#define RK_VFORK_AS_FORK 0x666f726b /* a value that before() returns, see above */
#define RK_VFORK(name, before, after) RKI_VFORK(name, before, after)

#include <rseqkit/detail/vfork.h>

#endif /* RSEQKIT_VFORK_H */
