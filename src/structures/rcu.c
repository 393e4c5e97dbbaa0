/* SPDX-License-Identifier: MIT */
/*
 * rcu.c - domains, and grace periods. model/rcu.pml is this as a model.
 *
 * Readers (readers.h) are counted in one of two phases, each a word in every slot. The gate names the phase.
 *
 * A grace period: the other phase is named, and all CPUs are fenced; then it waits until the sum of the phase before is 0.
 * One such turn is enough. Behind the fence no section adds to that phase any more: one that had loaded its name has
 * counted, and is seen, or was aborted, and loads again. So from then on counts of it only fall. The sum is taken word by
 * word, which counts each reader at least as long as it is there: its 1 was there before the sum was begun. A fence that
 * fails leaves the period where it is: who comes next fences first.
 *
 * An overflow reader is fenced by nothing. It adds 1 to the overflow word, and looks at the name again: if that is another
 * one, it takes its 1 back from the same word, and begins again. The addition and both looks are sequentially consistent, as
 * is naming a phase and reading the overflow word. So either the sum has its 1, or it sees the other name.
 *
 * Memory order. On x86, loads come in order, and stores, and no load comes after a later store. So
 *   1. who sees the new name sees what was published before it;
 *   2. who sees that a reader has left sees, and comes behind, all that it did in its section.
 * Others order neither, and readers have no barriers. There rk_fence_memory() stands before a phase is named, and behind
 * the sum that is 0. (1) A reader that loads the new name does so behind that first fence, wherever it met it, so what it
 * loads later it loads behind it, too, and finds what was published. (2) The store by which a reader left was executed when
 * it was seen, so the second fence met its CPU, or the thread after a switch, behind that store: all that comes before in
 * the program is done. Between the two, that a reader which counted in the phase before is in the sum, is what the fence of
 * sections does: it is one of memory, too, on each CPU that it interrupts, and a switch is one on the others
 * (kernel/sched/membarrier.c).
 *
 * fork. In a child the first reader, or writer, opens the gate again (readers.h), and a period that had begun begins again.
 * Whoever opens a domain or moves a period on has signals blocked: so no thread goes on with that in a child.
 *
 * Nobody's thread moves periods on: who waits does it, in steps under a claim that is never held while waiting. So a fork, or
 * a handler, leaves nothing to be told. The token is the address of the word, so leaving needs no test, in any thread or process.
 *
 * Only the thread that forked knows which sections it is in. A count of those for each thread would take two more stores in
 * each read section, half as long again. So the program says it: rk_rcu_read_keep().
 *
 * Ancestors: SRCU of the kernel (two phases, counts per CPU, a sum) and userspace-rcu, which fences by membarrier(2).
 * Why not otherwise:
 *   a count per thread                       threads register and are found; ends and forks are told; fibers can't move
 *   the phase is loaded before the section   a reader that was stopped in between counts in a phase whose sum was 0
 *   two turns without a fence, as in SRCU    each of a reader's two sections would need a barrier
 *   a fence of memory instead of sections    a section that had loaded the phase counts after the sum was taken
 *   an overflow reader that looks once       it may have been stopped since, and count in the wrong phase
 *   a wake-up by the last reader             only the sum tells who is last; and leaving would need a test
 */
#define _GNU_SOURCE
#include "rcu.h"

#include <errno.h>
#include "os/kernel.h"
#include "sync/claim.h"
#include "os/fence.h"

_Static_assert(sizeof(struct rk_rcu_state) <= sizeof(struct rk_readers_slot), "it is in a slot");

static intptr_t other(intptr_t phase)
{
	return phase ^ (intptr_t)sizeof(intptr_t);
}

/* The word that names the phase. */
static intptr_t *name_of(const struct rk_rcu *rcu)
{
	struct rk_readers_slot *overflow = rk_readers_slot(rcu, RK_INDEX_OVERFLOW);

	return rk_rcu_state(rcu)->readers.by_sections ? &overflow->of_overflow.gate : &overflow->of_overflow.by_no_gate;
}

intptr_t rk_rcu_open(struct rk_rcu *rcu)
{
	unsigned char before[RK_SIGSET_SIZE];
	bool blocked = rk_kernel_block_signals(before) == 0;
	intptr_t first, current;

	for (;;) {
		first = rk_readers_set(rcu);
		current = 0;
		if (__atomic_compare_exchange_n(name_of(rcu), &current, first, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			current = first;
		if (rk_readers_set(rcu) == first)
			break;
		/* Signals couldn't be blocked, and a handler has forked: that was the parent's set. */
		(void)__atomic_compare_exchange_n(name_of(rcu), &first, 0, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	}
	if (blocked)
		(void)rk_kernel_set_signals(before, NULL);
	return current;
}

static intptr_t current_of(struct rk_rcu *rcu)
{
	intptr_t current = __atomic_load_n(name_of(rcu), __ATOMIC_SEQ_CST);

	return RKI_LIKELY(current != 0) ? current : rk_rcu_open(rcu);
}

bool rk_rcu_has_readers(struct rk_rcu *rcu)
{
	return rk_readers_sum(current_of(rcu)) != 0 || rk_readers_sum(other(current_of(rcu))) != 0;
}

/* Counts the caller in the overflow word of the phase that it returns. */
static intptr_t enter_overflow_phase(struct rk_rcu *rcu)
{
	for (;;) {
		intptr_t phase = current_of(rcu);

		__atomic_fetch_add(rk_readers_word(phase, RK_INDEX_OVERFLOW), 1, __ATOMIC_SEQ_CST);
		if (__atomic_load_n(name_of(rcu), __ATOMIC_SEQ_CST) == phase)
			return phase;
		__atomic_fetch_sub(rk_readers_word(phase, RK_INDEX_OVERFLOW), 1, __ATOMIC_SEQ_CST);
	}
}

struct rk_rcu_section *rki_rcu_read_lock_slow(struct rk_rcu *rcu, enum rk_result outcome)
{
	const struct rk_rcu_state *state = rk_rcu_state(rcu);
	void *counted = NULL;

	if (outcome == RK_CLOSED && state->readers.by_sections) {
		(void)rk_rcu_open(rcu);
		outcome = RK_ABORTED;
	}
	for (int i = 0; i < RK_ABORTS_MAX && outcome == RK_ABORTED && state->readers.by_sections; i++)
		outcome = rk_gate_enter(name_of(rcu), &counted);
	if (outcome != RK_DONE)
		counted = rk_readers_token(rcu, enter_overflow_phase(rcu));
	return (struct rk_rcu_section *)counted;
}

void rki_rcu_read_unlock_slow(struct rk_rcu *rcu, struct rk_rcu_section *section, enum rk_result outcome)
{
	rk_readers_leave(rcu, section, outcome);
}

struct rk_rcu_section *rk_rcu_read_keep(struct rk_rcu *rcu, struct rk_rcu_section *section)
{
	intptr_t set = ~(intptr_t)(sizeof(intptr_t[2]) - 1);

	if (((intptr_t)section & set) != (current_of(rcu) & set))
		rk_rcu_read_lock(rcu, &section);
	return section;
}

/* Grace periods */

/* Ends the period that has begun, if nobody is in the way. 1 if it is over, 0 if not, or the error of a fence. */
static int end_period(struct rk_rcu *rcu, uint64_t generation)
{
	struct rk_rcu_state *state = rk_rcu_state(rcu);
	int r = 0;

	if (__atomic_load_n(&state->unfenced, __ATOMIC_RELAXED)) {
		r = state->readers.by_sections ? rk_fence_all() : 0;
		if (r < 0)
			return r;
		__atomic_store_n(&state->unfenced, 0, __ATOMIC_RELAXED);
	}
	if (rk_readers_sum(other(current_of(rcu))) != 0)
		return 0;
	r = rk_readers_fence(&state->readers);
	if (rk_readers_generation(rcu) != generation)
		return 0; /* the same: the sum was the parent's */
	if (r == 0)
		__atomic_store_n(&state->done, __atomic_load_n(&state->started, __ATOMIC_RELAXED), __ATOMIC_SEQ_CST);
	return r == 0 ? 1 : r;
}

static int begin_period(struct rk_rcu *rcu, uint64_t generation)
{
	struct rk_rcu_state *state = rk_rcu_state(rcu);
	intptr_t current = current_of(rcu);
	int r;

	if (rk_readers_generation(rcu) != generation)
		return 1; /* as end_period() sees */
	__atomic_store_n(&state->started, __atomic_load_n(&state->done, __ATOMIC_RELAXED) + 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&state->unfenced, 1, __ATOMIC_SEQ_CST);
	r = rk_readers_fence(&state->readers);
	if (r < 0)
		__atomic_store_n(&state->started, __atomic_load_n(&state->done, __ATOMIC_RELAXED), __ATOMIC_SEQ_CST);
	else if (!__atomic_compare_exchange_n(name_of(rcu), &current, other(current), 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return 1;
	return r;
}

/* Does what periods up to `period` need next. The caller holds the claim, with signals blocked. */
static int move_on(struct rk_rcu *rcu, uint64_t period)
{
	struct rk_rcu_state *state = rk_rcu_state(rcu);
	uint64_t generation = rk_readers_generation(rcu);
	int r = 1;

	if (state->generation != generation) { /* a child: what was begun begins again */
		__atomic_store_n(&state->started, __atomic_load_n(&state->done, __ATOMIC_RELAXED), __ATOMIC_SEQ_CST);
		state->generation = generation;
	}
	while (r == 1) {
		uint64_t done = __atomic_load_n(&state->done, __ATOMIC_RELAXED);

		if (__atomic_load_n(&state->started, __ATOMIC_RELAXED) == done) {
			if (done >= period)
				return 1;
			r = begin_period(rcu, generation);
		}
		r = r < 0 ? r : end_period(rcu, generation);
	}
	return r;
}

uint64_t rk_rcu_start(struct rk_rcu *rcu)
{
	/* A store: what the caller has unpublished is so before any period that begins behind it. */
	return __atomic_fetch_add(&rk_rcu_state(rcu)->started, 0, __ATOMIC_SEQ_CST) + 1;
}

int rk_rcu_poll(struct rk_rcu *rcu, uint64_t period)
{
	struct rk_rcu_state *state = rk_rcu_state(rcu);
	unsigned char before[RK_SIGSET_SIZE];
	uint64_t done;
	bool blocked;
	int r = 0;

	done = __atomic_load_n(&state->done, __ATOMIC_SEQ_CST);
	if (done >= period)
		return 1;
	/* rk_rcu_start() gives one more than what has begun, and that is one more than `done` at most. */
	if (period - done > 2)
		return -EINVAL;
	blocked = rk_kernel_block_signals(before) == 0;
	if (rk_claim_take_try(&state->claim) >= 0) {
		r = move_on(rcu, period);
		(void)rk_claim_release(&state->claim);
	}
	if (blocked)
		(void)rk_kernel_set_signals(before, NULL);
	return r;
}

void rk_rcu_rest(unsigned looks)
{
	static const uint32_t nothing; /* that ever changes */

	if (looks >= 100)
		(void)rk_futex_wait(&nothing, 0, looks < 110 ? (int64_t)1000 << (looks - 100) : 1000000);
}

/* Without a limit if `nanoseconds` is INT64_MAX. */
static int wait_for_period(struct rk_rcu *rcu, int64_t nanoseconds)
{
	uint64_t period = rk_rcu_start(rcu);
	int64_t end = nanoseconds > 0 ? rk_kernel_end_of(nanoseconds) : 0;

	for (unsigned looks = 0;; looks += looks < 110) {
		int r = rk_rcu_poll(rcu, period);

		if (r != 0)
			return r < 0 ? r : 0;
		if (rk_claim_is_mine(&rk_rcu_state(rcu)->claim))
			return -EDEADLK; /* signals can't be blocked, and this is a handler */
		if (nanoseconds < 0)
			return -EINVAL;
		if (end != INT64_MAX && rk_kernel_now() >= end)
			return -ETIMEDOUT;
		rk_rcu_rest(looks);
	}
}

int rk_rcu_synchronize(struct rk_rcu *rcu)
{
	return wait_for_period(rcu, INT64_MAX);
}

int rk_rcu_synchronize_for(struct rk_rcu *rcu, int64_t nanoseconds)
{
	return wait_for_period(rcu, nanoseconds);
}
