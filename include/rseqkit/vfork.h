/* SPDX-License-Identifier: MIT */
/*
 * vfork.h - a macro that defines a vfork() for a component that interposes vfork(). The defined function calls one function of
 * the component before the vfork, and another function after the vfork.
 *
 * A function in C can't wrap vfork(). vfork() returns twice, the first time in the child. The child then runs on the same stack
 * and overwrites the frame of the wrapper. The function that RK_VFORK() defines therefore keeps the parent's data in registers,
 * because parent and child each have their own registers.
 */
#ifndef RSEQKIT_VFORK_H
#define RSEQKIT_VFORK_H

#include <rseqkit/thread.h>

#include <sys/types.h>

/*
 * At file scope, `RK_VFORK(name, before, after);` defines
 *
 *	pid_t name(void);
 *
 * The function name() has external linkage, and does what vfork() does. It calls
 *
 *	int before(void);                     first, in the parent
 *	pid_t after(long made, int begun);    in the parent, once the child has called exec or ended
 *
 * `made` is the child's process id, or the negative errno of vfork if there is no child. `begun` is the value that before()
 * returned. In the parent, name() returns the value that after() returned.
 *
 * before() must return RK_VFORK_AS_FORK if a child must not share memory with the thread, for example because rk_vfork_begin()
 * failed. Then name() calls fork() instead of vfork(), which POSIX allows, and doesn't call after(). In the parent and in the
 * child, name() then returns the value that fork() returned.
 *
 * Declare all three functions before RK_VFORK(), in C++ as extern "C", and none as static. Assembly calls before() and after(),
 * so declare these two __attribute__((__used__)); otherwise link-time optimisation can remove them. This example is for an
 * allocator from which vfork children may allocate:
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
 * The comment of rk_vfork_begin() in thread.h says why a vfork needs rk_vfork_begin() and rk_vfork_end(). A program that needn't
 * interpose vfork() uses rk_vfork_run() instead.
 *
 * The function name() returns 0 in the child, and the value described above in the parent. Unwinders find the caller of name()
 * from inside before() and after().
 *
 * On architectures without critical sections, and in code with 32-bit pointers, name() calls fork() instead of vfork(), which
 * POSIX allows. In the parent, name() then calls after() at once, without waiting until the child has called exec or ended.
 *
 * If `name` isn't vfork, the compiler must know that the function returns twice, so declare the function
 * __attribute__((__returns_twice__)).
 * Context: the contexts of before() and after(). Cost: vfork takes 50 to 150 us, and before() and after() add their own cost.
 */
#define RK_VFORK_AS_FORK 0x666f726b /* before() returns this value to choose fork(), see above */
#define RK_VFORK(name, before, after) RKI_VFORK(name, before, after)

#include <rseqkit/detail/vfork.h>

#endif /* RSEQKIT_VFORK_H */
