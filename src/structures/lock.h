/* SPDX-License-Identifier: MIT */
/* lock.h - what the parts of per-CPU locks have in common: lock.c makes them, lock_take.c takes and releases them. */
#ifndef RK_SRC_LOCK_H
#define RK_SRC_LOCK_H

#include <rseqkit/lock.h>
#include <rseqkit/percpu.h>
#include <stdbool.h>

/* Of rki_lock_slot's `closed`: somebody wants the slot from elsewhere; has it; a fork met it while it was held. */
#define RK_LOCK_CLOSED 1
#define RK_LOCK_OWNED 2
#define RK_LOCK_HALF_DONE 4

/* In the reserve slot of the gate's item. A child has it as its parent left it. */
struct rk_lock_state {
	void *slots;      /* the data item */
	uint32_t pool;    /* which one it is of */
	bool by_sections; /* or else all use the overflow slot */
	uint64_t process; /* the last one that opened the gate */
	struct rk_claim sweeper;
};

static inline struct rk_lock_state *rk_lock_state(const struct rk_lock *lock)
{
	return (struct rk_lock_state *)rk_percpu_slot(lock, RK_INDEX_RESERVE);
}

static inline intptr_t *rk_lock_gate(const struct rk_lock *lock)
{
	return (intptr_t *)rk_percpu_slot(lock, RK_INDEX_OVERFLOW);
}

static inline struct rki_lock_slot *rk_lock_slot(const struct rk_lock *lock, int index)
{
	return (struct rki_lock_slot *)rk_percpu_slot(rk_lock_state(lock)->slots, index);
}

/*
 * Opens the gate in a child, if it isn't open. Returns 0 when it is, or never will be; -EBUSY when that can't be done now:
 * another thread is at it, or which thread forked isn't known.
 */
int rk_lock_settle(const struct rk_lock *lock);

#endif /* RK_SRC_LOCK_H */
