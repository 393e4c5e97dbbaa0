/* SPDX-License-Identifier: MIT */
/* start.h - the starts of threads, where this library can be there. */
#ifndef RK_SRC_START_H
#define RK_SRC_START_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Does every call of pthread_create() in this namespace come to start.c of this copy? It may not be linked in: see
 * rk_start_is_interposed() for the answer then.
 */
bool rk_start_sees_all(void) __attribute__((__weak__, __visibility__("hidden")));

static inline bool rk_start_is_interposed(void)
{
	return rk_start_sees_all != NULL && rk_start_sees_all();
}

/* The same where it is there for programs that know nothing of this library: all their threads are registered at the start. */
bool rk_start_registers_all(void) __attribute__((__weak__, __visibility__("hidden")));

#endif /* RK_SRC_START_H */
