/* SPDX-License-Identifier: MIT */
/* claim.h - what this library asks of claims besides. */
#ifndef RK_SRC_CLAIM_H
#define RK_SRC_CLAIM_H

#include <rseqkit/remote.h>
#include <stdbool.h>

/* Does the calling thread hold it? */
bool rk_claim_is_mine(const struct rk_claim *claim);

/*
 * As rk_claim_take_try() and rk_claim_release(), for one function's time: a signal handler that interrupts it doesn't hold
 * the claim, though its thread does.
 */
int rk_claim_try_exclusively(struct rk_claim *claim);
int rk_claim_release_exclusively(struct rk_claim *claim);

/*
 * As rk_claim_take_for() and rk_claim_release(), for one function's time, and inside a bracket of vfork as well: what a child
 * had claimed that was killed is free when the bracket has ended. *me goes from the one to the other.
 */
int rk_claim_enter(struct rk_claim *claim, int64_t nanoseconds, uint64_t *me);
void rk_claim_leave(struct rk_claim *claim, uint64_t me);

#endif /* RK_SRC_CLAIM_H */
