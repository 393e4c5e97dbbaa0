/* SPDX-License-Identifier: MIT */
/* claim.h - what this library asks of claims besides. */
#ifndef RK_SRC_CLAIM_H
#define RK_SRC_CLAIM_H

#include <rseqkit/remote.h>
#include <stdbool.h>

/* Does the calling thread hold it? */
bool rk_claim_is_mine(const struct rk_claim *claim);

/*
 * As rk_claim_try() and rk_claim_release(), for one function's time: a signal handler that interrupts it doesn't hold
 * the claim, though its thread does.
 */
int rk_claim_try_exclusively(struct rk_claim *claim);
int rk_claim_release_exclusively(struct rk_claim *claim);

#endif /* RK_SRC_CLAIM_H */
