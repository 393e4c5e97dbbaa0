/* SPDX-License-Identifier: MIT */
/*
 * rcu.c - readers and grace periods of rcu domains (rseqkit/rcu.h). model/rcu.pml is a model of this.
 *
 * Readers (sync/readers.h) are counted in one of two phases. A phase has one word in every slot of the domain's per-CPU
 * memory. A word of the domain, the gate (rseqkit/gate.h), names the current phase.
 *
 * A grace period has three steps: store the name of the other phase, fence all CPUs, and wait until the sum of the previous
 * phase is 0. One pass through these steps is enough, because after the fence no section adds to the previous phase. If a
 * section had loaded the old name, it has added its 1 by then. Or it was aborted, and loads the name again, so from the fence
 * on, the counts of the previous phase only decrease. The sum is read word by word. It includes every reader that hasn't left,
 * because the 1 of such a reader was added before the first word was read. If the fence fails, the period doesn't advance. The
 * next thread that tries to advance the period fences first.
 *
 * A reader that can't use a section is an overflow reader. The fence doesn't abort it. Such a reader adds 1 to the word in
 * the overflow slot, and then loads the name again. If the name has changed, the reader subtracts its 1 from the same word,
 * and begins again. The reader's addition and both its loads are sequentially consistent, and so are the writer's store of the
 * name and its load of the overflow word. Therefore either the sum has the reader's 1, or the reader sees the new name.
 *
 * Memory order. On x86, loads are in order, stores are in order, and no store is executed before an earlier load. It follows that
 *   1. a reader that sees the new name sees what was published before it;
 *   2. a writer that sees that a reader has left also sees all that the reader did in its section. The reader's loads are done.
 * Other machines guarantee none of this, and readers have no barriers. On these machines the writer calls rk_fence_memory()
 * before it stores a phase's name, and again after the sum was 0. (1) The name is stored after the first fence, so a reader
 * that loads the new name does so after this fence. The reader's later loads also come after the fence, and find what was
 * published. (2) When the writer sees the store by which a reader left, that store was executed. The second fence interrupts
 * the reader's CPU after that store, or the reader's thread was switched out after that store. In both cases all that precedes
 * the store in the program is done. Between these two memory fences comes the fence of all CPUs' sections. It ensures that the
 * sum includes each reader that counted in the previous phase. On each CPU that this fence interrupts, it is also a memory
 * fence. On the other CPUs, a thread switch was a memory fence (kernel/sched/membarrier.c).
 *
 * In a forked child the first reader or writer opens the gate again (readers.h), and a period that had begun starts anew.
 * Threads block signals before they open a domain or advance a period, so no handler forks meanwhile, and no thread continues
 * such work in a child.
 *
 * No thread exists only to advance periods. The threads that wait for a period advance it, in steps. Each step takes a claim
 * (rseqkit/remote.h). No thread holds this claim while the thread waits, so the domain needn't be told of forks or signal
 * handlers. A reader's token is the address of the word that counts the reader. A reader therefore needs no test when it
 * leaves, whatever thread or process it is in by then.
 *
 * In a child, only the program knows in which read sections the forking thread is. If the library counted them for each thread,
 * each read section would need two more stores, and take 1.5 times as long. Instead, the program calls rk_rcu_read_keep().
 *
 * The models for this are SRCU of the kernel (two phases, counts per CPU, a sum) and userspace-rcu, which fences by
 * membarrier(2). Rejected designs:
 *   a count for each thread                   threads have to register, and to report ends and forks; fibers can't change threads
 *   the phase is loaded before the section    a reader that is stopped in between counts in a phase whose sum was 0 already
 *   two passes without a fence, as in SRCU    a reader would need a barrier when it enters, and another one when it leaves
 *   a memory fence, which aborts no sections  a section that had loaded the old phase adds its 1 after the sum was read
 *   an overflow reader loads the phase once   if it is stopped after the load, it counts in the wrong phase
 *   the last reader wakes the writer          only the sum shows which reader is the last; and leaving would need a test
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

/* Returns the address of the word that names the current phase. */
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
		/*
		 * Signals couldn't be blocked, and a handler has forked. This process is the child, and `first` is in the
		 * parent's set of words.
		 */
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

/* Counts the caller in the overflow word of the current phase. Returns that phase. */
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

/* Functions that advance grace periods, and wait for them */

/*
 * Tries to end the period that has begun. Returns 1 if the period is over; 0 if there are readers, or if a signal handler has
 * forked. If the fence failed, returns its negative errno.
 */
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
		return 0; /* a handler has forked, and this process is the child: the sum was the parent's */
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
		return 1; /* a handler has forked; end_period() sees that, too */
	__atomic_store_n(&state->started, __atomic_load_n(&state->done, __ATOMIC_RELAXED) + 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&state->unfenced, 1, __ATOMIC_SEQ_CST);
	r = rk_readers_fence(&state->readers);
	if (r < 0)
		__atomic_store_n(&state->started, __atomic_load_n(&state->done, __ATOMIC_RELAXED), __ATOMIC_SEQ_CST);
	else if (!__atomic_compare_exchange_n(name_of(rcu), &current, other(current), 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return 1;
	return r;
}

/*
 * Advances all periods up to number `period`. Returns 1 when these are over, and otherwise 0 or a negative errno. The caller
 * holds the claim and has blocked signals.
 */
static int move_on(struct rk_rcu *rcu, uint64_t period)
{
	struct rk_rcu_state *state = rk_rcu_state(rcu);
	uint64_t generation = rk_readers_generation(rcu);
	int r = 1;

	if (state->generation != generation) { /* in a child, a period that had begun starts anew */
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
	/*
	 * Adding 0 is also a store, so the stores by which the caller made data unreachable come before any period that begins
	 * later.
	 */
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
	/*
	 * The number of the last period that began is at most `done` + 1. rk_rcu_start() returns that number plus 1.
	 */
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
	static const uint32_t nothing; /* never changes */

	if (looks >= 100)
		(void)rk_futex_wait(&nothing, 0, looks < 110 ? (int64_t)1000 << (looks - 100) : 1000000);
}

/* Waits without a limit if `nanoseconds` is INT64_MAX. */
static int wait_for_period(struct rk_rcu *rcu, int64_t nanoseconds)
{
	uint64_t period = rk_rcu_start(rcu);
	int64_t end = nanoseconds > 0 ? rk_kernel_end_of(nanoseconds) : 0;

	for (unsigned looks = 0;; looks += looks < 110) {
		int r = rk_rcu_poll(rcu, period);

		if (r != 0)
			return r < 0 ? r : 0;
		if (rk_claim_is_mine(&rk_rcu_state(rcu)->claim))
			return -EDEADLK; /* signals couldn't be blocked, and this handler interrupted the holder */
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
