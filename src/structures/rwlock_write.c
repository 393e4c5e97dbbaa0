/* SPDX-License-Identifier: MIT */
/*
 * rwlock_write.c - the writers of a reader-writer lock. rwlock.c says how readers and writers exclude each other by a gate,
 * which a writer closes, and by the lock's phase.
 */
#define _GNU_SOURCE
#include "rwlock.h"

#include <errno.h>
#include "os/limit.h"
#include "sync/claim.h"

/*
 * Closes the gate through which sections count readers, and fences all CPUs. When this function has returned 0, no section
 * counts readers any more.
 */
static int close_gate(struct rk_rwlock *lock)
{
	struct rk_rwlock_state *state = rk_rwlock_state_of(lock);

	rk_rwlock_set_phase(state, WAITING);
	__atomic_store_n(rk_readers_gate(lock), 0, __ATOMIC_SEQ_CST);
	return state->readers.by_sections ? rk_fence_all() : 0;
}

/*
 * Returns whether there is no reader. If so, the phase is CLOSING, in which no reader gets the lock. The phase is also
 * CLOSING while the sum is read.
 */
static bool is_alone(struct rk_rwlock *lock)
{
	struct rk_rwlock_state *state = rk_rwlock_state_of(lock);

	if (rk_rwlock_has_readers(lock))
		return false;
	rk_rwlock_set_phase(state, CLOSING);
	if (!rk_rwlock_has_readers(lock))
		return true;
	rk_rwlock_set_phase(state, WAITING);
	return false;
}

static void wait_for_readers(struct rk_rwlock *lock, int64_t nanoseconds)
{
	struct rk_rwlock_state *state = rk_rwlock_state_of(lock);
	uint32_t left = __atomic_load_n(&state->left, __ATOMIC_SEQ_CST);

	__atomic_store_n(&state->writer_sleeps, 1, __ATOMIC_SEQ_CST);
	if (rk_rwlock_has_readers(lock))
		(void)rk_futex_wait(&state->left, left, nanoseconds < RK_RWLOCK_LOOK_AGAIN ? nanoseconds : RK_RWLOCK_LOOK_AGAIN);
	__atomic_store_n(&state->writer_sleeps, 0, __ATOMIC_SEQ_CST);
}

static int claim(struct rk_rwlock_state *state, int64_t nanoseconds)
{
	int r = rk_claim_take_for(&state->writer, nanoseconds);

	if (r == 1)
		rk_rwlock_inherit(state);
	return r;
}

static int write_lock(struct rk_rwlock *lock, int64_t nanoseconds)
{
	struct rk_rwlock_state *state = rk_rwlock_state_of(lock);
	int64_t end = nanoseconds > 0 ? rk_kernel_end_of(nanoseconds) : 0;
	int r = claim(state, nanoseconds);

	if (r < 0)
		return r;
	r = close_gate(lock);
	while (r == 0 && !is_alone(lock)) {
		int64_t left = rk_limit_left(nanoseconds, end);

		if (left <= 0)
			r = rk_limit_error(nanoseconds, false);
		else
			wait_for_readers(lock, left);
	}
	if (r == 0)
		r = rk_readers_fence(&state->readers);
	if (r < 0) {
		rk_rwlock_let_go(lock);
		return r;
	}
	rk_rwlock_set_phase(state, IN);
	return state->abandoned;
}

int rk_rwlock_write_lock(struct rk_rwlock *lock)
{
	return write_lock(lock, INT64_MAX);
}

int rk_rwlock_write_lock_try(struct rk_rwlock *lock)
{
	return write_lock(lock, 0);
}

int rk_rwlock_write_lock_for(struct rk_rwlock *lock, int64_t nanoseconds)
{
	return write_lock(lock, nanoseconds);
}

int rk_rwlock_write_unlock(struct rk_rwlock *lock)
{
	struct rk_rwlock_state *state = rk_rwlock_state_of(lock);

	if (!rk_claim_is_mine(&state->writer) || rk_rwlock_phase(state) != IN)
		return -EPERM;
	__atomic_store_n(&state->abandoned, 0, __ATOMIC_SEQ_CST);
	rk_rwlock_let_go(lock);
	return 0;
}
