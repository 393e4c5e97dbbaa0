/* SPDX-License-Identifier: MIT */
/*
 * rcu.h - the state of an rcu domain (rseqkit/rcu.h), for the files with grace periods (rcu.c) and with deferred calls
 * (rcu_calls.c, rcu_worker.c). A domain is an item of per-CPU memory, in which readers are counted in one of two phases. Two of
 * its slots belong to no CPU: the reserve slot and the overflow slot (sync/readers.h).
 */
#ifndef RK_SRC_RCU_H
#define RK_SRC_RCU_H

#include <rseqkit/rcu.h>
#include <rseqkit/remote.h>
#include <pthread.h>
#include <stdbool.h>
#include "sync/readers.h"

/* The state is in the reserve slot, which a child inherits. Atomic instructions access the members that several threads use. */
struct rk_rcu_state {
	struct rk_readers readers;
	struct rk_claim claim;  /* held by the thread that advances grace periods */
	uint64_t generation;    /* `started` and `done` are of the process with this generation (sync/readers.h) */
	uint64_t started, done; /* numbers of the last grace period that began, and of the last one that ended */
	struct rk_claim runner; /* held by the thread that runs deferred calls */
	struct rk_rcu_call *queue, *waiting, *ready;
	uint64_t period;        /* the period that `waiting` waits for */
	uint32_t collected;     /* how often the queue's calls were moved to `waiting` */
	uint32_t pushes;        /* futex: a runner that has nothing to run waits for another push */
	uint32_t waiters;
	uint32_t deferred, limit;
	uint8_t unfenced;       /* 1 if sections can still count readers in the previous phase (rcu.c) */
};

static inline struct rk_rcu_state *rk_rcu_state(const struct rk_rcu *rcu)
{
	return (struct rk_rcu_state *)rk_readers_of(rcu); /* the state begins with its `readers` */
}

/* A domain's worker: a thread that runs deferred calls. This struct is in the overflow slot (sync/readers.h). */
struct rk_rcu_worker {
	uint64_t state;  /* RK_RCU_WORKER_... in the low bits, rk_number_process() of the worker's process above; or 0 */
	uint32_t stop;   /* 1: the thread has to end */
	pthread_t thread;
};

#define RK_RCU_WORKER_NONE 0    /* there is no worker; a child of fork begins with this state */
#define RK_RCU_WORKER_CHANGES 1 /* a thread is starting or stopping the worker */
#define RK_RCU_WORKER_RUNS 2

/* Returns the state of the domain's worker in this process. */
int rk_rcu_worker_state(const struct rk_rcu *rcu);

/* Like rk_rcu_run(), but also returns 0 when *stop isn't 0. A thread that sets *stop has to call rk_rcu_wake() after that. */
int rk_rcu_run_until(struct rk_rcu *rcu, int64_t nanoseconds, const uint32_t *stop);
void rk_rcu_wake(struct rk_rcu *rcu);

/*
 * Waits between two checks of a caller that polls. `looks` is the number of checks so far. If it is below 100, this function
 * doesn't wait. At 100 it waits a microsecond, and after each further check twice as long, up to a millisecond.
 */
void rk_rcu_rest(unsigned looks);

/*
 * Opens the domain, unless it is open in this process. Several threads are allowed to call this at the same time. Returns the
 * current phase.
 */
intptr_t rk_rcu_open(struct rk_rcu *rcu);

/* Returns whether a reader is counted in one of the two phases. */
bool rk_rcu_has_readers(struct rk_rcu *rcu);

/* Returns whether a call is deferred or running. */
bool rk_rcu_has_calls(struct rk_rcu *rcu);

#endif /* RK_SRC_RCU_H */
