/* SPDX-License-Identifier: MIT */
/* rendezvous.h - the page on which copies of this library agree without knowing each other. Its form is in agreement.h. */
#ifndef RK_SRC_RENDEZVOUS_H
#define RK_SRC_RENDEZVOUS_H

#include <rseqkit/detail/agreement.h>

/*
 * Offers *meeting. If another copy was faster, *meeting becomes what was agreed on. Async-signal-safe, lock-free.
 *
 * Returns 0, or a negative errno, and then nothing is agreed on. -EADDRINUSE: something else is at the address. -EFBIG: the
 * process's limit doesn't allow a memory file of this size. -ENOSPC: the file can't be filled. Otherwise the errno is that
 * of memfd_create, write or mmap.
 */
int rk_rendezvous(struct rk_rendezvous *meeting);

/* Reads a page that is certainly there, because a decision rests on it. Returns as rk_rendezvous_look(). */
int rk_rendezvous_read(struct rk_rendezvous *meeting);

/* Only looks at the page. Returns 0 with *meeting filled, or -EADDRINUSE if no copy has made an offer. */
int rk_rendezvous_look(struct rk_rendezvous *meeting);

#endif /* RK_SRC_RENDEZVOUS_H */
