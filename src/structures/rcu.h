/* SPDX-License-Identifier: MIT */
/* rcu.h - what the two halves of a domain share: grace periods (rcu.c) and deferred calls (rcu_calls.c). */
#ifndef RK_SRC_RCU_H
#define RK_SRC_RCU_H

#include <rseqkit/rcu.h>
#include <rseqkit/remote.h>
#include <stdbool.h>
#include "sync/readers.h"

/* In the reserve slot, which a child has as its parent left it. What several threads use changes atomically. */
struct rk_rcu_state {
	struct rk_readers readers;
	struct rk_claim claim;  /* of whoever moves grace periods on */
	uint64_t generation;    /* of the process that periods are of */
	uint64_t started, done; /* grace periods */
	struct rk_claim runner; /* of deferred calls */
	struct rk_rcu_call *queue, *waiting, *ready;
	uint64_t period;        /* that `waiting` waits for */
	uint32_t collected;     /* how often the queue was taken */
	uint32_t pushes;        /* futex: who has nothing to run waits for another one */
	uint32_t waiters;
	uint32_t deferred, limit;
	uint8_t unfenced;       /* may sections that are of the phase before still count? */
};

static inline struct rk_rcu_state *rk_rcu_state(const struct rk_rcu *rcu)
{
	return (struct rk_rcu_state *)rk_readers_of(rcu); /* begins with it */
}

/* Waits a little before another look, the longer the more looks there were: not at all, then up to a millisecond. */
void rk_rcu_rest(unsigned looks);

/* Opens the domain, unless that was done since the fork. Any number of threads may do so at once. Returns the phase. */
intptr_t rk_rcu_open(struct rk_rcu *rcu);

/* Is a reader counted, in either phase? */
bool rk_rcu_has_readers(struct rk_rcu *rcu);

/* Is a call deferred, or being called? */
bool rk_rcu_has_calls(struct rk_rcu *rcu);

#endif /* RK_SRC_RCU_H */
