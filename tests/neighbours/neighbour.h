/* SPDX-License-Identifier: MIT */
/*
 * neighbour.h - stand-ins for components that this library meets in a process and that were never linked with it, right
 * ones and wrong ones: what tests call them by. Each is a file beside this one, whose first comment says what it stands
 * for, and by which -D it is built in which form.
 */
#ifndef NEIGHBOUR_H
#define NEIGHBOUR_H

#include <stdbool.h>
#include <stdint.h>

#define EXPORTED __attribute__((__visibility__("default")))

/* Calls of the calling thread. Those of type bool return false where the neighbour found its invariant broken. */
struct neighbour {
	int (*enter)(void);           /* becomes a user in this thread: 0 or a negative errno */
	bool (*work)(void);           /* uses the area, and checks it */
	bool (*leave)(void);          /* stops being one */
	bool (*is_fast)(void);        /* has rseq, so far */
	uint32_t (*users)(void);      /* as its count says; 0 without one */
	volatile void *(*area)(void); /* where it is registered, or would be */
};

typedef const struct neighbour *neighbour_function(void);

EXPORTED const struct neighbour *neighbour_calls(void);

/* The same for files of one module with the neighbour, whatever others export. */
__attribute__((__visibility__("hidden"))) const struct neighbour *neighbour_here(void);

/* For the end of a neighbour's file, behind the functions. */
#define NEIGHBOUR_CALLS                                                                                                \
	const struct neighbour *neighbour_here(void)                                                                   \
	{                                                                                                              \
		static const struct neighbour calls = {enter, work, leave, is_fast, users, area};                      \
                                                                                                                       \
		return &calls;                                                                                         \
	}                                                                                                              \
                                                                                                                       \
	const struct neighbour *neighbour_calls(void)                                                                  \
	{                                                                                                              \
		return neighbour_here();                                                                               \
	}

#endif /* NEIGHBOUR_H */
