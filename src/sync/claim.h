/* SPDX-License-Identifier: MIT */
/*
 * claim.h - internal functions for claims. A claim is a word with the number of its holder; only the holder may change the
 * data that the claim protects (rseqkit/remote.h).
 */
#ifndef RK_SRC_CLAIM_H
#define RK_SRC_CLAIM_H

#include <rseqkit/remote.h>
#include <stdbool.h>

/* Returns whether the calling thread holds the claim. */
bool rk_claim_is_mine(const struct rk_claim *claim);

/*
 * Like rk_claim_take_try() and rk_claim_release(), for a claim that one function takes and releases. A signal handler that
 * interrupts that function can't use the claim, although its thread holds the claim.
 */
int rk_claim_try_exclusively(struct rk_claim *claim);
int rk_claim_release_exclusively(struct rk_claim *claim);

/*
 * Like rk_claim_take_for() and rk_claim_release(), for a claim that one function takes and releases, also between
 * rk_vfork_begin() and rk_vfork_end(). If a vfork child is killed, the claims that it held are free after rk_vfork_end().
 * Pass the number that rk_claim_enter() stores in *me to rk_claim_leave().
 */
int rk_claim_enter(struct rk_claim *claim, int64_t nanoseconds, uint64_t *me);
void rk_claim_leave(struct rk_claim *claim, uint64_t me);

#endif /* RK_SRC_CLAIM_H */
