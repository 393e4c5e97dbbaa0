/* SPDX-License-Identifier: MIT */
/* start.h - the starts of threads, where this library can see them. */
#ifndef RK_SRC_START_H
#define RK_SRC_START_H

#include <stdbool.h>
#include <stddef.h>

/*
 * If start.c and start_here.c aren't linked in, the weak definitions in plan.c return false. (A weak reference without a
 * definition isn't null in programs that gold links.)
 *
 * Returns whether every call of pthread_create() in this namespace comes to start.c of this copy.
 */
bool rk_start_sees_all(void) __attribute__((__visibility__("hidden")));

/* Returns whether this copy is preloaded into programs that know nothing of it. It registers all their threads at the start. */
bool rk_start_registers_all(void) __attribute__((__visibility__("hidden")));

#endif /* RK_SRC_START_H */
