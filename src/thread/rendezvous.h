/* SPDX-License-Identifier: MIT */
/*
 * rendezvous.h - the rendezvous page, on which the copies of this library in one process agree where each thread's area (struct
 * rseq) is. The copies don't know each other. rseqkit/detail/agreement.h has the page's layout.
 */
#ifndef RK_SRC_RENDEZVOUS_H
#define RK_SRC_RENDEZVOUS_H

#include <rseqkit/detail/agreement.h>

/*
 * Publishes *meeting as the page's content. If another copy was faster, *meeting becomes the content that the other copy
 * published. Async-signal-safe, lock-free.
 *
 * Returns 0, or a negative errno if the copies haven't agreed. -EADDRINUSE means that other memory is at the page's address.
 * -EFBIG: the process's limit doesn't allow a memory file of this size. -ENOSPC: the file can't be filled. Any other errno is
 * that of memfd_create, write or mmap.
 */
int rk_rendezvous(struct rk_rendezvous *meeting);

/*
 * Reads the page. Call this function only if the page is certainly mapped, because an area was found on the page before.
 * Returns the same as rk_rendezvous_look().
 */
int rk_rendezvous_read(struct rk_rendezvous *meeting);

/* Reads the page, if it is mapped. Returns 0 and fills *meeting, or returns -EADDRINUSE if no copy has made an offer. */
int rk_rendezvous_look(struct rk_rendezvous *meeting);

#endif /* RK_SRC_RENDEZVOUS_H */
