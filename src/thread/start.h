/* SPDX-License-Identifier: MIT */
/* start.h - finds out whether this library sees the starts of threads. */
#ifndef RK_SRC_START_H
#define RK_SRC_START_H

#include <stdbool.h>
#include <stddef.h>

/*
 * start_here.c defines the two functions of this file. plan.c has weak definitions of the same functions, which return false.
 * The linker uses the weak definitions if start_here.c isn't linked in. Weak references without a definition aren't enough:
 * in programs that gold links, the address of such a reference isn't null.
 *
 * rk_start_sees_all() returns whether every call of pthread_create() in this namespace of the dynamic linker runs the
 * pthread_create() of this copy of the library, which is in start.c.
 */
bool rk_start_sees_all(void) __attribute__((__visibility__("hidden")));

/*
 * Returns whether this copy of the library is in a preloaded object. Such a copy registers every thread of the program when
 * the thread starts.
 */
bool rk_start_registers_all(void) __attribute__((__visibility__("hidden")));

#endif /* RK_SRC_START_H */
