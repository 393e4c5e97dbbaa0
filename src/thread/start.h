/* SPDX-License-Identifier: MIT */
/* start.h - the starts of threads, where this library can be there. */
#ifndef RK_SRC_START_H
#define RK_SRC_START_H

#include <stdbool.h>
#include <stddef.h>

/*
 * start.c and start_here.c may not be linked in: plan.c has weak definitions, which say no. (A weak reference without one
 * isn't null in what gold links.)
 *
 * Does every call of pthread_create() in this namespace come to start.c of this copy?
 */
bool rk_start_sees_all(void) __attribute__((__visibility__("hidden")));

/* The same where it is there for programs that know nothing of this library: all their threads are registered at the start. */
bool rk_start_registers_all(void) __attribute__((__visibility__("hidden")));

#endif /* RK_SRC_START_H */
