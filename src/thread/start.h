/* SPDX-License-Identifier: MIT */
/* start.h - finds out whether this library sees the starts of threads. */
#ifndef RK_SRC_START_H
#define RK_SRC_START_H

#include <stdbool.h>
#include <stddef.h>

/*
 * If start.c and start_here.c aren't linked in, the weak definitions of both functions in plan.c return false. (plan.c
 * defines the functions because in programs that gold links, a weak reference without a definition isn't null.)
 *
 * Returns whether every call of pthread_create() in this namespace calls the function in start.c of this copy.
 */
bool rk_start_sees_all(void) __attribute__((__visibility__("hidden")));

/* Returns whether this copy is in a preloaded object, which registers every thread of the program at its start. */
bool rk_start_registers_all(void) __attribute__((__visibility__("hidden")));

#endif /* RK_SRC_START_H */
