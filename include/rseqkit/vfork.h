/* SPDX-License-Identifier: MIT */
/*
 * vfork.h - defines a vfork() for a component that interposes vfork(). It calls one function before the vfork and one after it.
 *
 * A function in C can't wrap vfork(). vfork() returns twice, the first time in the child. The child then runs on the same stack
 * and overwrites the frame of the wrapper. So the function that RK_VFORK() defines keeps the parent's data in registers, because
 * parent and child each have their own registers.
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
 * This function has external linkage, and does what vfork() does. It calls
 *
 *	int before(void);                     first, in the parent
 *	pid_t after(long made, int begun);    in the parent, once the child has called exec or ended
 *
 * `made` is the child's process id, or the negative errno of vfork if there is no child. `begun` is the value that before()
 * returned. The function returns the value that after() returned.
 *
 * If before() can't make the thread ready for a child that shares its memory, before() must return RK_VFORK_AS_FORK. Then the
 * function calls fork(), as POSIX allows, and doesn't call after(). In this case the function returns the value of fork(), in
 * the child too.
 *
 * Declare all three functions before RK_VFORK(), in C++ as extern "C", and none as static. Assembly calls before() and after(),
 * so declare these two __attribute__((__used__)); otherwise link-time optimisation possibly removes them. This example is for an
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
 * The comment of rk_vfork_begin() in thread.h gives the purpose. A program that needn't interpose vfork() uses rk_vfork_run()
 * instead.
 *
 * The function returns 0 in the child, and the value described above in the parent. Unwinders find the function's caller from
 * inside before() and after().
 *
 * On architectures without critical sections, and in code with 32-bit pointers, the function calls fork() instead of vfork(),
 * which POSIX allows. In the parent it calls after() at once, without waiting until the child has called exec or ended.
 *
 * If the name isn't vfork, the compiler must know that the function returns twice: declare it __attribute__((__returns_twice__)).
 * Context: the contexts of before() and after(). Cost: vfork takes 50 to 150 us, and before() and after() add their own cost.
 */
#define RK_VFORK_AS_FORK 0x666f726b /* a value for before() to return, see above */
#define RK_VFORK(name, before, after) RKI_VFORK(name, before, after)

#include <rseqkit/detail/vfork.h>

#endif /* RSEQKIT_VFORK_H */
