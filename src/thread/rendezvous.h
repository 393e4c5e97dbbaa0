/* SPDX-License-Identifier: MIT */
/*
 * rendezvous.h - where copies of this library that know nothing of each other agree; the page is described in abi.h.
 */
#ifndef RK_SRC_RENDEZVOUS_H
#define RK_SRC_RENDEZVOUS_H

#include <rseqkit/detail/agreement.h>

/*
 * Offers *meeting, and replaces it by what was agreed on if another copy was faster. Async-signal-safe, lock-free.
 * Returns 0; -EADDRINUSE when the address holds something else; the negative errno of memfd_create, write or mmap;
 * then nothing is agreed on.
 */
int rk_rendezvous(struct rk_rendezvous *meeting);

/* Reads a page that is there for sure: a decision rests on it. Returns as rk_rendezvous_look(). */
int rk_rendezvous_read(struct rk_rendezvous *meeting);

/* Only looks. Returns 0 with *meeting filled, or -EADDRINUSE if nobody has offered anything. */
int rk_rendezvous_look(struct rk_rendezvous *meeting);

#endif /* RK_SRC_RENDEZVOUS_H */
