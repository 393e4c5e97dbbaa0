/* SPDX-License-Identifier: MIT */
/*
 * neighbour.h - the functions of a neighbour: a stand-in for a component that shares a process with this library and was never
 * linked with it. Some neighbours are correct, others make mistakes. Each is a file in this directory. The file's first comment
 * says which component the neighbour stands for, and which -D option builds which form.
 */
#ifndef NEIGHBOUR_H
#define NEIGHBOUR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXPORTED __attribute__((__visibility__("default")))

/* The functions act on the calling thread. work() and leave() return false if the neighbour found its invariant broken. */
struct neighbour {
	int (*enter)(void);           /* becomes a user in this thread: 0 or a negative errno */
	bool (*work)(void);           /* uses the area, and checks it */
	bool (*leave)(void);          /* stops being a user */
	bool (*is_fast)(void);        /* the neighbour has rseq, and hasn't stopped using it */
	uint32_t (*users)(void);      /* the neighbour's count of users; 0 if it keeps no count */
	volatile void *(*area)(void); /* the area that the neighbour registers */
	int (*owner)(void);           /* the owner of this thread's registration, an enum rk_owner; NULL in most neighbours */
};

typedef const struct neighbour *neighbour_function(void);

EXPORTED const struct neighbour *neighbour_calls(void);

/* Returns what neighbour_calls() returns, but always of the neighbour in the caller's own module. */
__attribute__((__visibility__("hidden"))) const struct neighbour *neighbour_here(void);

/* A neighbour that knows owners defines this before it includes this file. */
#ifndef NEIGHBOUR_OWNER
#define NEIGHBOUR_OWNER NULL
#endif

/* Defines neighbour_here() and neighbour_calls(). Place it at the end of a neighbour's file. */
#define NEIGHBOUR_CALLS                                                                                                \
	const struct neighbour *neighbour_here(void)                                                                   \
	{                                                                                                              \
		static const struct neighbour calls = {enter, work, leave, is_fast, users, area, NEIGHBOUR_OWNER};     \
                                                                                                                       \
		return &calls;                                                                                         \
	}                                                                                                              \
                                                                                                                       \
	const struct neighbour *neighbour_calls(void)                                                                  \
	{                                                                                                              \
		return neighbour_here();                                                                               \
	}

#endif /* NEIGHBOUR_H */
