/* SPDX-License-Identifier: MIT */
/*
 * rwlock.c - reader-writer locks: the gate and readers. rwlock_write.c has writers. model/rwlock.pml is a model of this.
 *
 * The gate is a word of the lock. While there is no writer it is open: it names the word, present in each CPU's slot, in
 * which readers are counted (sync/readers.h). Readers that find the gate closed, or can't use sections, are counted in this
 * word of the overflow slot. The lock's phase decides whether such overflow readers get the lock ("are let in"):
 *
 *   phase     gate     overflow readers    the writer
 *   IDLE      open     are let in          there is none
 *   WAITING   closed   are let in, unless  waits for readers
 *                      writers go first
 *   CLOSING   closed   are not let in      checks whether readers are left; if so, sets WAITING again
 *   IN        closed   are not let in      has the lock
 *
 * In all phases but IDLE, a writer holds the lock's claim (rseqkit/remote.h). It closes the gate and fences all CPUs. From
 * then on no section counts a reader, and the words of CPUs only decrease. An overflow reader adds 1 and then loads the
 * phase. If the phase doesn't let this reader in, the reader subtracts its 1 from the same word. The writer sets CLOSING, and
 * then takes the sum. These four accesses are sequentially consistent, so either the sum has the reader, or the reader sees
 * CLOSING. The overflow word is read first for the sum. The sum therefore counts every reader that has the lock, and is 0 only
 * if there is none. A reader that was let in while the phase was WAITING can subtract its 1 from a CPU's word when it leaves.
 * But its 1 was in the overflow word before CLOSING, so the sum can't have the subtraction without the addition.
 *
 * The model for this is percpu-rwsem of the kernel. Rejected designs:
 *   a reader loads a flag, then counts itself    if it is stopped in between, it later has the lock together with a writer
 *   the sum is read while overflow readers       the sum can include a reader's -1 on a CPU, but not its 1 in the overflow
 *   are let in                                   word
 *   a refused reader subtracts on its CPU        the same as in the row above
 *   the state is in a slot that children clear   a child wouldn't know that its thread is the writer
 *   a child inherits the gate                    if a missing writer had closed it, the child's readers would wait for ever
 *
 * Waiting. A reader that leaves loads the gate. If the gate is closed, and the phase isn't IDLE, the reader adds 1 to `left`,
 * and wakes the writer. If a reader left before the writer's fence, the sum doesn't count it any more. Only readers of a lock
 * without sections therefore need a barrier when they leave. Waiting readers sleep until the phase changes.
 *
 * Memory order. On x86, loads are in order, stores are in order, and no store is executed before an earlier load. A thread that
 * sees a reader's end therefore sees all that the reader did, and a thread that finds the gate open sees what the writer
 * stored. On other machines the writer fences memory after the sum was 0, and again before it opens the gate (rcu.c). If the
 * second fence fails, the gate stays closed. Then the phase lets readers in, and these readers use atomic instructions.
 *
 * In a forked child the gate is closed. The child's first user opens it, with signals blocked (readers.h), if no writer holds
 * the claim (open_if_unlocked()). If the claim's holder is a thread that fork didn't copy, the phase says whether that holder
 * had the lock. If so, the lock is `abandoned` until a writer has taken and released it. Meanwhile the gate stays closed, so
 * each reader uses the overflow word, and gets the result 1.
 */
#define _GNU_SOURCE
#include "rwlock.h"

#include <errno.h>
#include <limits.h>
#include "os/kernel.h"
#include "os/limit.h"
#include "sync/claim.h"

static struct rk_percpu *rwlock_pools[2];

void rk_rwlock_set_phase(struct rk_rwlock_state *state, enum rk_rwlock_phase phase)
{
	__atomic_store_n(&state->phase, phase, __ATOMIC_SEQ_CST);
	if ((phase == IDLE || phase == WAITING) && __atomic_load_n(&state->waiting, __ATOMIC_SEQ_CST) > 0)
		rk_futex_wake(&state->phase, INT_MAX);
}

static void tell_writer(struct rk_rwlock_state *state)
{
	__atomic_fetch_add(&state->left, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&state->writer_sleeps, __ATOMIC_SEQ_CST))
		rk_futex_wake(&state->left, 1);
}

/*
 * If a signal handler forks inside this function, the child counts readers in another set of words, so the child reads the sum
 * again.
 */
bool rk_rwlock_has_readers(struct rk_rwlock *lock)
{
	intptr_t set, sum;

	do {
		set = rk_readers_set(lock);
		sum = rk_readers_sum(set);
	} while (rk_readers_set(lock) != set);
	return sum != 0;
}

/* Opens the gate, unless the lock uses no sections or a memory fence fails. The caller holds the claim. */
static void open_gate(struct rk_rwlock *lock)
{
	const struct rk_rwlock_state *state = rk_rwlock_state_of(lock);
	unsigned char before[RK_SIGSET_SIZE];
	intptr_t set;
	bool blocked;

	if (!state->readers.by_sections || rk_readers_fence(&state->readers) < 0)
		return;
	blocked = rk_kernel_block_signals(before) == 0;
	/* If signals can't be blocked, a handler can fork inside this loop. The child has another set of words. */
	do {
		set = rk_readers_set(lock);
		__atomic_store_n(rk_readers_gate(lock), set, __ATOMIC_SEQ_CST);
	} while (set != rk_readers_set(lock));
	if (blocked)
		(void)rk_kernel_set_signals(before, NULL);
}

/* If the claim's last holder had the lock, the lock is abandoned until a writer has taken and released it. */
void rk_rwlock_inherit(struct rk_rwlock_state *state)
{
	if (rk_rwlock_phase(state) == IN)
		state->abandoned = 1;
}

/* rwlock.h says what this function does. The caller holds the claim. */
void rk_rwlock_let_go(struct rk_rwlock *lock)
{
	struct rk_rwlock_state *state = rk_rwlock_state_of(lock);

	/*
	 * IDLE is stored before the gate opens. Otherwise a reader that came through the gate might fork, and its child would
	 * find that a writer had the lock.
	 */
	rk_rwlock_set_phase(state, IDLE);
	if (!state->abandoned)
		open_gate(lock);
	(void)rk_claim_release(&state->writer);
}

/* Opens the gate if there is no writer. The gate is closed in a new child, and after a fence has failed. */
static void open_if_unlocked(struct rk_rwlock *lock)
{
	struct rk_rwlock_state *state = rk_rwlock_state_of(lock);
	int r;

	if (!state->readers.by_sections && rk_rwlock_phase(state) == IDLE)
		return; /* without sections the gate is always closed */
	r = rk_claim_take_try(&state->writer);
	if (r < 0)
		return;
	if (r == 1)
		rk_rwlock_inherit(state);
	rk_rwlock_let_go(lock);
}

int rk_rwlock_create(struct rk_rwlock **lock, unsigned flags)
{
	void *item = NULL;
	int r;

	if (lock == NULL)
		return -EINVAL;
	*lock = NULL;
	if (flags & ~RK_RWLOCK_WRITERS_FIRST)
		return -EINVAL;
	r = rk_readers_create(rwlock_pools, &item, __builtin_return_address(0));
	if (r < 0)
		return r;
	*lock = (struct rk_rwlock *)item;
	rk_rwlock_state_of(*lock)->writers_first = (flags & RK_RWLOCK_WRITERS_FIRST) != 0;
	open_gate(*lock);
	return 0;
}

int rk_rwlock_destroy(struct rk_rwlock *lock)
{
	struct rk_rwlock_state *state;
	int r;

	if (lock == NULL)
		return 0;
	if (!rk_readers_has(rwlock_pools, lock))
		return -EINVAL;
	state = rk_rwlock_state_of(lock);
	r = rk_claim_take_try(&state->writer);
	if (r < 0)
		return r;
	if (r == 1)
		rk_rwlock_inherit(state);
	if (rk_rwlock_has_readers(lock)) {
		rk_rwlock_let_go(lock);
		return -EBUSY;
	}
	(void)rk_claim_release(&state->writer);
	return rk_readers_destroy(rwlock_pools, lock, __builtin_return_address(0));
}

/* Functions of readers */

static bool lets_in(const struct rk_rwlock_state *state)
{
	enum rk_rwlock_phase phase = rk_rwlock_phase(state);

	return phase == IDLE || (phase == WAITING && !state->writers_first);
}

/* Counts the caller in the overflow word, whether the phase lets the caller in or not. Returns the caller's token. */
static struct rk_rwlock_section *count_in_overflow(struct rk_rwlock *lock)
{
	intptr_t set = 0, current;

	/* If a signal handler forks inside this loop, the child has another set of words. */
	while ((current = rk_readers_set(lock)) != set) {
		set = current;
		__atomic_fetch_add(rk_readers_word(set, RK_INDEX_OVERFLOW), 1, __ATOMIC_SEQ_CST);
	}
	return (struct rk_rwlock_section *)rk_readers_token(lock, set);
}

/*
 * Counts the caller in the overflow word. Returns 0; 1 if the lock is abandoned; -EBUSY if the phase doesn't let the caller in.
 * `abandoned` doesn't change meanwhile, because only a writer changes it, and the writer waits for this reader.
 */
static int read_by_overflow(struct rk_rwlock *lock, struct rk_rwlock_section **section)
{
	*section = count_in_overflow(lock);
	if (lets_in(rk_rwlock_state_of(lock)))
		return __atomic_load_n(&rk_rwlock_state_of(lock)->abandoned, __ATOMIC_SEQ_CST);
	rk_readers_leave(lock, *section, RK_NO_RSEQ);
	tell_writer(rk_rwlock_state_of(lock)); /* the writer may have counted this reader in its sum */
	*section = NULL;
	return -EBUSY;
}

/* Tries to count the caller through the gate, again while `outcome` is RK_ABORTED, at most RK_ABORTS_MAX times. */
static enum rk_result enter_gate(struct rk_rwlock *lock, struct rk_rwlock_section **section, enum rk_result outcome)
{
	void *counted = NULL;

	for (int i = 0; i < RK_ABORTS_MAX && outcome == RK_ABORTED && rk_rwlock_state_of(lock)->readers.by_sections; i++)
		outcome = rk_gate_enter(rk_readers_gate(lock), &counted);
	*section = (struct rk_rwlock_section *)counted;
	return outcome;
}

static void wait_for_another_phase(struct rk_rwlock_state *state, int64_t nanoseconds)
{
	enum rk_rwlock_phase phase = rk_rwlock_phase(state);

	__atomic_fetch_add(&state->waiting, 1, __ATOMIC_SEQ_CST);
	if (phase != IDLE && !lets_in(state))
		(void)rk_futex_wait(&state->phase, phase, nanoseconds < RK_RWLOCK_LOOK_AGAIN ? nanoseconds : RK_RWLOCK_LOOK_AGAIN);
	__atomic_fetch_sub(&state->waiting, 1, __ATOMIC_SEQ_CST);
}

int rki_rwlock_read_lock_slow(struct rk_rwlock *lock, int64_t nanoseconds, struct rk_rwlock_section **section,
			     enum rk_result outcome)
{
	struct rk_rwlock_state *state = rk_rwlock_state_of(lock);
	int64_t end = nanoseconds > 0 ? rk_kernel_end_of(nanoseconds) : 0;

	*section = NULL;
	for (;;) {
		bool by_itself;
		int64_t left;
		int r = -EBUSY;

		outcome = enter_gate(lock, section, outcome);
		if (outcome == RK_DONE)
			return 0;
		if (outcome != RK_CLOSED)
			r = read_by_overflow(lock, section);
		if (r >= 0)
			return r;
		open_if_unlocked(lock);
		/* The gate can be open now. */
		if (enter_gate(lock, section, RK_ABORTED) == RK_DONE)
			return 0;
		r = read_by_overflow(lock, section);
		if (r >= 0)
			return r;
		by_itself = rk_claim_is_mine(&state->writer);
		left = by_itself ? 0 : rk_limit_left(nanoseconds, end);
		if (left <= 0)
			return rk_limit_error(nanoseconds, by_itself);
		wait_for_another_phase(state, left);
		outcome = RK_CLOSED;
	}
}

void rki_rwlock_read_unlock_slow(struct rk_rwlock *lock, struct rk_rwlock_section *section, enum rk_result outcome)
{
	struct rk_rwlock_state *state = rk_rwlock_state_of(lock);

	if (outcome != RK_DONE)
		rk_readers_leave(lock, section, outcome);
	/* Writers of a lock without sections don't fence, so the following instruction is the barrier. */
	if (!state->readers.by_sections)
		__atomic_fetch_add(&state->left, 0, __ATOMIC_SEQ_CST);
	if (rk_rwlock_phase(state) != IDLE)
		tell_writer(state);
}

struct rk_rwlock_section *rk_rwlock_read_keep(struct rk_rwlock *lock, struct rk_rwlock_section *section)
{
	intptr_t word = (intptr_t)section & ~(intptr_t)RKI_READERS_ATOMIC;

	return word == rk_readers_set(lock) ? section : count_in_overflow(lock);
}
