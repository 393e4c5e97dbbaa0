/* SPDX-License-Identifier: MIT */
/* rcu.h - shared by the two halves of a domain: grace periods (rcu.c) and deferred calls (rcu_calls.c). */
#ifndef RK_SRC_RCU_H
#define RK_SRC_RCU_H

#include <rseqkit/rcu.h>
#include <rseqkit/remote.h>
#include <pthread.h>
#include <stdbool.h>
#include "sync/readers.h"

/* In the reserve slot, which a child has as its parent left it. Members that several threads use change atomically. */
struct rk_rcu_state {
	struct rk_readers readers;
	struct rk_claim claim;  /* a thread holds it while it moves grace periods on */
	uint64_t generation;    /* of the process that the periods belong to */
	uint64_t started, done; /* number of the last grace period that began, and ended */
	struct rk_claim runner; /* a thread holds it while it runs deferred calls */
	struct rk_rcu_call *queue, *waiting, *ready;
	uint64_t period;        /* the period that `waiting` waits for */
	uint32_t collected;     /* how often the queue was taken */
	uint32_t pushes;        /* futex: a runner that has nothing to run waits for another push */
	uint32_t waiters;
	uint32_t deferred, limit;
	uint8_t unfenced;       /* may sections of the previous phase still count? */
};

static inline struct rk_rcu_state *rk_rcu_state(const struct rk_rcu *rcu)
{
	return (struct rk_rcu_state *)rk_readers_of(rcu); /* the state begins with it */
}

/* A domain's thread that runs deferred calls. The overflow slot has it. */
struct rk_rcu_worker {
	uint64_t state;  /* RK_RCU_WORKER_..., and in the higher bits rk_number_process() of its process; or 0 */
	uint32_t stop;   /* 1: the thread has to end */
	pthread_t thread;
};

#define RK_RCU_WORKER_NONE 0    /* also in a child of fork */
#define RK_RCU_WORKER_CHANGES 1 /* a thread is starting it, or stopping it */
#define RK_RCU_WORKER_RUNS 2

/* Returns the state of the domain's worker in this process. */
int rk_rcu_worker_state(const struct rk_rcu *rcu);

/* As rk_rcu_run(). It also returns, with 0, when `*stop` isn't 0. A thread that sets *stop calls rk_rcu_wake() then. */
int rk_rcu_run_until(struct rk_rcu *rcu, int64_t nanoseconds, const uint32_t *stop);
void rk_rcu_wake(struct rk_rcu *rcu);

/* Waits a little before another look: at first not at all, and then longer with each look, up to a millisecond. */
void rk_rcu_rest(unsigned looks);

/* Opens the domain, unless that was done since the fork. Several threads may do so at the same time. Returns the phase. */
intptr_t rk_rcu_open(struct rk_rcu *rcu);

/* Is a reader counted, in either phase? */
bool rk_rcu_has_readers(struct rk_rcu *rcu);

/* Is a call deferred or running? */
bool rk_rcu_has_calls(struct rk_rcu *rcu);

#endif /* RK_SRC_RCU_H */
