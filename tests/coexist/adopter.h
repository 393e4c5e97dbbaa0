/* SPDX-License-Identifier: MIT */
/*
 * adopter.h - stand-ins for components that follow the public TLS protocol and were never linked with this library.
 *
 * COUNTED is the protocol of 2018: __rseq_abi and __rseq_refcount; signals blocked; who takes the count from 0 to 1
 * registers, who takes it from 1 to 0 unregisters.
 *
 * TAGGED is how an allocator does it today: no count, a thread is registered if its cpu_id isn't negative; a pointer that
 * overlaps cpu_id_start, which the kernel overwrites when it preempts the thread; the per-CPU mode is given up when the
 * first thread can't be registered, and the process aborted when a later one can't.
 */
#ifndef ADOPTER_H
#define ADOPTER_H

#include <stdbool.h>
#include <stdint.h>

/* Calls of the calling thread. All return false where the adopter found its invariant broken. */
bool adopter_enter(void);   /* becomes a user in this thread */
bool adopter_work(void);    /* uses the area, and checks it */
bool adopter_leave(void);   /* stops being one */
bool adopter_is_fast(void); /* has rseq, so far */

#endif /* ADOPTER_H */
