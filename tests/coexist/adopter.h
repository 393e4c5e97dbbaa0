/* SPDX-License-Identifier: MIT */
/*
 * adopter.h - stand-ins for components that were never linked with this library, right ones and wrong ones. Each is
 * adopter.c, compiled with one of:
 *
 * COUNTED   the protocol of 2018: __rseq_abi and __rseq_refcount, strong and visible; signals blocked; who takes the
 *           count from 0 to 1 registers, who takes it from 1 to 0 unregisters.
 * TAGGED    how an allocator does it today: no count, a thread is registered if its cpu_id isn't negative; a pointer
 *           that overlaps cpu_id_start, which the kernel overwrites when it preempts the thread; the per-CPU mode is
 *           given up when the first thread can't be registered, and the process aborted when a later one can't.
 * EMBEDDED  rseqkit/embed.h.
 * HIDDEN    COUNTED or TAGGED whose symbols nobody else can see. With COUNTED, private copies: a mistake.
 * ALIAS     COUNTED with __rseq_abi a weak alias of a hidden object, and a hidden count: a mistake.
 * INSIDE    COUNTED with the count in the area at offset 20: a mistake.
 */
#ifndef ADOPTER_H
#define ADOPTER_H

#include <stdbool.h>
#include <stdint.h>

/* Calls of the calling thread. Those of type bool return false where the adopter found its invariant broken. */
struct adopter {
	int (*enter)(void);           /* becomes a user in this thread: 0 or a negative errno */
	bool (*work)(void);           /* uses the area, and checks it */
	bool (*leave)(void);          /* stops being one */
	bool (*is_fast)(void);        /* has rseq, so far */
	uint32_t (*users)(void);      /* as its count says; 0 without one */
	volatile void *(*area)(void); /* where it is registered, or would be */
};

typedef const struct adopter *adopter_function(void);

__attribute__((__visibility__("default"))) const struct adopter *adopter_calls(void);

#endif /* ADOPTER_H */
