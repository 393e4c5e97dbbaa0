/* SPDX-License-Identifier: MIT */
/*
 * slices_held.h - the locks that a thread remembers, for librseqkit-slices.so (slices.c).
 *
 * Each remembered lock has a place. Signal handlers of the thread use the places, too, between any two instructions. The
 * invariant: each change of a place is one store. A handler leaves each place as it was, or leaves it free: if there is no free
 * place, the handler takes the place of an older lock.
 */
#ifndef RK_SRC_PRELOAD_HELD_H
#define RK_SRC_PRELOAD_HELD_H

#include <stddef.h>

#define SLICES_HELD_MAX 8

struct slices_held {
	const volatile void *volatile locks[SLICES_HELD_MAX]; /* the places, in any order; NULL: a free place */
	volatile unsigned taken_over;                         /* number of places that were taken from older locks */
	volatile int requested;                               /* there is a request to clear, or granted time to give up */
};

/* Returns a place of the lock, plus 1; 0 if it has none. For NULL, returns a free place, plus 1. */
static inline unsigned slices_place(const struct slices_held *held, const volatile void *lock)
{
	unsigned i = SLICES_HELD_MAX;

	while (i > 0 && held->locks[i - 1] != lock)
		i--;
	return i;
}

/* Returns the number of remembered locks. */
static inline unsigned slices_count(const struct slices_held *held)
{
	unsigned n = 0;

	for (unsigned i = 0; i < SLICES_HELD_MAX; i++)
		n += held->locks[i] != NULL;
	return n;
}

#endif /* RK_SRC_PRELOAD_HELD_H */
