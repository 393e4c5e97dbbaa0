/* SPDX-License-Identifier: MIT */
/*
 * neighbour.h - calls a stand-in for a component that shares a process with this library and was never linked with it. Some
 * stand-ins are right and some wrong. Each is a file in this directory; its first comment says what it stands for, and which
 * -D builds which form.
 */
#ifndef NEIGHBOUR_H
#define NEIGHBOUR_H

#include <stdbool.h>
#include <stdint.h>

#define EXPORTED __attribute__((__visibility__("default")))

/* The functions act on the calling thread. Those of type bool return false if the neighbour found its invariant broken. */
struct neighbour {
	int (*enter)(void);           /* becomes a user in this thread: 0 or a negative errno */
	bool (*work)(void);           /* uses the area, and checks it */
	bool (*leave)(void);          /* stops being a user */
	bool (*is_fast)(void);        /* has rseq until now */
	uint32_t (*users)(void);      /* the neighbour's count; 0 without one */
	volatile void *(*area)(void); /* the area that is registered, or would be */
};

typedef const struct neighbour *neighbour_function(void);

EXPORTED const struct neighbour *neighbour_calls(void);

/* Like neighbour_calls(), for files of the neighbour's own module: other modules' exports don't matter. */
__attribute__((__visibility__("hidden"))) const struct neighbour *neighbour_here(void);

/* Defines these functions. Place it at the end of a neighbour's file. */
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
