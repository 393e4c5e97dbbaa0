/* SPDX-License-Identifier: MIT */
/*
 * rwlock.h - the state of a reader-writer lock, for its two files: rwlock.c has readers and the gate, through which sections
 * count readers; rwlock_write.c has writers. A writer holds the claim `writer` (sync/claim.h), and the phase says how far it is.
 */
#ifndef RK_SRC_RWLOCK_H
#define RK_SRC_RWLOCK_H

#include <rseqkit/lock.h>
#include <rseqkit/remote.h>
#include <stdbool.h>
#include "sync/readers.h"

/*
 * ns: a thread that sleeps until a writer has released the lock wakes at least this often, and reads the lock again. Suppose that
 * a signal handler forks while its thread sleeps. No thread of the child wakes this thread.
 */
#define RK_RWLOCK_LOOK_AGAIN 50000000

enum rk_rwlock_phase { IDLE, WAITING, CLOSING, IN };

struct rk_rwlock_state {
	struct rk_readers readers;
	struct rk_claim writer;
	uint32_t phase;        /* enum rk_rwlock_phase; a futex: readers wait until it changes */
	uint32_t left;         /* counts readers that left while a writer waited; a futex: the writer waits until it changes */
	uint32_t waiting;      /* number of readers that wait */
	uint8_t writer_sleeps;
	uint8_t writers_first;
	uint8_t abandoned;
};

_Static_assert(sizeof(struct rk_rwlock_state) <= sizeof(struct rk_readers_slot), "it is in a slot");

static inline struct rk_rwlock_state *rk_rwlock_state_of(const struct rk_rwlock *lock)
{
	return (struct rk_rwlock_state *)rk_readers_of(lock); /* the state begins with its `readers` */
}

static inline enum rk_rwlock_phase rk_rwlock_phase(const struct rk_rwlock_state *state)
{
	return (enum rk_rwlock_phase)__atomic_load_n(&state->phase, __ATOMIC_SEQ_CST);
}

/* Stores the phase. Wakes the waiting readers if the phase is IDLE or WAITING. */
void rk_rwlock_set_phase(struct rk_rwlock_state *state, enum rk_rwlock_phase phase);

/* Returns whether a reader of this process has the lock. */
bool rk_rwlock_has_readers(struct rk_rwlock *lock);

/*
 * Sets `abandoned` if the last holder of the claim `writer`, a thread that fork didn't copy to this process, had the lock.
 * Call this when rk_claim_take_...() returned 1.
 */
void rk_rwlock_inherit(struct rk_rwlock_state *state);

/*
 * Ends the writing of the thread that holds the claim: stores IDLE, and releases the claim. If the lock isn't abandoned, also
 * opens the gate.
 */
void rk_rwlock_let_go(struct rk_rwlock *lock);

#endif /* RK_SRC_RWLOCK_H */
