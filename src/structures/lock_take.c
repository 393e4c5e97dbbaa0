/* SPDX-License-Identifier: MIT */
/*
 * lock_take.c - takes a per-CPU lock and releases it. A thread takes the lock of its own CPU by a section, or the lock of any
 * CPU's slot as a remote owner (lock.h). model/lock.pml is a model of this.
 *
 * How threads wait. A waiter sets a flag in the slot's word `waiting`, fences all CPUs, checks the slot again, and sleeps. A
 * thread that unlocks stores 0, and then reads the flag. The waiter's fence replaces a barrier between that store and that
 * load. There are two kinds of waiters: threads that want a free slot (FREE), and the thread that has closed the slot and wants
 * it empty (EMPTY). An unlock wakes one waiter of each kind. It isn't enough to wake only the EMPTY waiter, because this waiter
 * may have given up. It isn't enough to wake only a FREE waiter, because it can't take a closed slot. The invariant: while a
 * thread sleeps for a slot that is free, the flag is set, or another waiter is awake. The waiter that is awake sets the flag
 * when it takes the slot, or wakes another thread when it gives up.
 *
 * Memory order, from each holder to the next:
 *   section to section    the store of 0 to `held` is a release; rki_lock_take() acquires what it loads
 *   section to remote     the same store; is_empty() acquires. When rk_fence_cpu() has returned, a section that found `closed` 0
 *                         has stored its thread's number, or is aborted and then finds the slot closed
 *   remote to section     reopen() releases with `closed`; rki_lock_take() acquires that too
 *   remote to remote, and the overflow slot    the claim
 */
#define _GNU_SOURCE
#include "lock.h"

#include <rseqkit/remote.h>
#include <rseqkit/thread.h>
#include <errno.h>
#include "os/cpus.h"
#include "os/kernel.h"
#include "os/limit.h"
#include "sync/readers.h"
#include "sync/claim.h"
#include "os/fence.h"
#include "thread/area.h"
#include "thread/holder.h"
#include "thread/number.h"

#define LOOK_AGAIN 50000000 /* ns: if a handler forks while its thread sleeps, no thread of the child wakes that thread */
#define LOOK_SOON 1000000   /* ns: without a fence the waiter can miss the wake-up */

/* Bits of `waiting`. FREE: a thread waits until the slot is free. EMPTY: a thread waits until the slot is empty. */
#define FREE 1u
#define EMPTY 2u

/*
 * Headers declare this variable const; thread/area.c says why. The variable is in this file, not in thread/number.c. A shared
 * library that contains librseqkit.a and takes no locks has thread/number.o, and exports what is in it. A plugin with
 * librseqkit.so would read that library's number, and call the functions of this file in librseqkit.so. Here, each
 * module that exports the variable also exports the functions that compare numbers with it.
 */
#ifdef RK_ONE_FILE
#define number_offset rki_number_offset
#else
RKI_EXPORT ptrdiff_t number_offset __asm__("rki_number_offset");
#endif
ptrdiff_t number_offset;
OWN_WORD(ptrdiff_t, number_offset, rki_number_offset);

/*
 * The symbol rki_lock_copy is bound to the copy of the library whose functions other modules call. It is a variable: calls of this
 * copy's own functions are bound at link time (-Bsymbolic-functions), but variables aren't. No module has a copy relocation of it,
 * because no inlined code uses it.
 */
const char rki_lock_copy = 0;
OWN_WORD(const char, lock_copy, rki_lock_copy);

void rk_lock_publish_number(void)
{
	const char *volatile bound = &rki_lock_copy; /* volatile: compilers take both addresses for one */
	ptrdiff_t offset = rk_block_offset() + (ptrdiff_t)offsetof(struct rk_thread_block, number);

	/*
	 * The word that modules read belongs to the functions that they call. If these are another copy's, that copy sets the
	 * word.
	 */
	if (bound == &lock_copy_here)
		PUBLISH(number_offset, offset);
	else
		SET_ONCE(number_offset_here, offset);
}

__attribute__((__constructor__(RK_FIRST_OF_ALL))) static void publish_number(void)
{
	if (rk_block_is_static())
		rk_lock_publish_number();
}

static struct rki_lock_slot *header_of(void *data)
{
	return (struct rki_lock_slot *)(void *)((char *)data - RK_LOCK_HEADER);
}

/* Returns the calling thread's number. If the thread has no number yet, draws one. */
static intptr_t lock_number(void)
{
	return (intptr_t)rk_number_mine();
}

static bool is_elsewhere(intptr_t holder)
{
	return holder != 0 && rk_holder_is_elsewhere((uint64_t)holder);
}

static bool is_possible(int index)
{
	return index == RK_INDEX_OVERFLOW || rk_cpus_has(rk_cpus_get(), index);
}

void *rk_lock_data(struct rk_lock *lock, int index)
{
	return is_possible(index) ? (char *)rk_lock_slot(lock, index) + RK_LOCK_HEADER : NULL;
}

int rk_lock_index(const struct rk_lock *lock, const void *data)
{
	return (int)(((intptr_t)data - RK_LOCK_HEADER - (intptr_t)lock) >> RK_STRIDE_SHIFT);
}

/* Functions that wait, and wake waiters */

struct wait {
	int64_t nanoseconds, end; /* the time limit, and the time when it ends; `end` is 0 if the thread doesn't wait */
	struct rki_lock_slot *at; /* the slot for which the thread has slept (FREE), but which it hasn't taken yet; or NULL */
};

static void wake_one(struct rki_lock_slot *slot)
{
	__atomic_fetch_add(&slot->freed, 1, __ATOMIC_SEQ_CST);
	rk_futex_wake(&slot->freed, 1);
}

/* Wakes waiters. Call this after `held` or the claim was released. */
static void wake_waiter(struct rki_lock_slot *slot)
{
	uint32_t whom = __atomic_load_n(&slot->waiting, __ATOMIC_SEQ_CST);

	if (whom != 0)
		whom = __atomic_exchange_n(&slot->waiting, 0, __ATOMIC_SEQ_CST);
	if (whom & EMPTY) {
		__atomic_fetch_add(&slot->emptied, 1, __ATOMIC_SEQ_CST);
		rk_futex_wake(&slot->emptied, 1);
	}
	if (whom & FREE)
		wake_one(slot);
}

/*
 * Ends the waiting of a thread that took `slot`, or no slot (NULL). If the thread slept for `slot`, this function sets the
 * flag, so the thread's unlock wakes the next sleeper. If the thread slept for another slot, this function wakes a sleeper of
 * that slot now.
 */
static void stop_waiting(struct wait *wait, const struct rki_lock_slot *slot)
{
	if (wait->at != NULL && wait->at == slot)
		__atomic_fetch_or(&wait->at->waiting, FREE, __ATOMIC_SEQ_CST);
	else if (wait->at != NULL)
		wake_one(wait->at);
	wait->at = NULL;
}

static bool is_free(const struct rki_lock_slot *slot)
{
	return __atomic_load_n(&slot->held, __ATOMIC_SEQ_CST) == 0 &&
	       !(__atomic_load_n(&slot->closed, __ATOMIC_SEQ_CST) & (RK_LOCK_CLOSED | RK_LOCK_OWNED));
}

static bool is_empty(const struct rki_lock_slot *slot)
{
	return __atomic_load_n(&slot->held, __ATOMIC_SEQ_CST) == 0;
}

static void sleep_until(struct rki_lock_slot *slot, bool (*is_so)(const struct rki_lock_slot *), int64_t left)
{
	uint32_t *futex = is_so == is_free ? &slot->freed : &slot->emptied;
	uint32_t seen = __atomic_load_n(futex, __ATOMIC_SEQ_CST);
	int64_t most = LOOK_AGAIN;

	__atomic_fetch_or(&slot->waiting, is_so == is_free ? FREE : EMPTY, __ATOMIC_SEQ_CST);
	if (rk_fence_all() < 0 || (!RKI_ORDERS_BY_ITSELF && rk_fence_memory() < 0))
		most = LOOK_SOON;
	if (!is_so(slot))
		(void)rk_futex_wait(futex, seen, left < most ? left : most);
}

/* Functions that take a lock as a remote owner, or the overflow slot */

/* Opens the slot for sections, releases the claim, and wakes waiters. The caller holds the claim. */
static void reopen(struct rki_lock_slot *slot)
{
	__atomic_fetch_and(&slot->closed, RK_LOCK_HALF_DONE | RK_LOCK_UNFENCED, __ATOMIC_SEQ_CST);
	(void)rk_claim_release(&slot->claim);
	wake_waiter(slot);
}

/*
 * Waits until the thread that took the slot by a section releases the slot. If that thread is elsewhere (lock.h), the data is
 * half done, and this function clears `held`. The claim's holder is allowed to clear `held`, because no section takes a
 * closed slot.
 */
static int wait_until_empty(struct rki_lock_slot *slot, const struct wait *wait)
{
	intptr_t held;

	while ((held = __atomic_load_n(&slot->held, __ATOMIC_SEQ_CST)) != 0) {
		int64_t left = rk_limit_left(wait->nanoseconds, wait->end);

		if (is_elsewhere(held)) {
			__atomic_fetch_or(&slot->closed, RK_LOCK_HALF_DONE, __ATOMIC_SEQ_CST);
			__atomic_store_n(&slot->held, 0, __ATOMIC_SEQ_CST);
		} else if (left <= 0 || held == lock_number()) {
			return rk_limit_error(wait->nanoseconds, held == lock_number());
		} else {
			sleep_until(slot, is_empty, left);
		}
	}
	return 0;
}

static int close_slot(const struct rk_lock *lock, int index, const struct wait *wait, void **data)
{
	struct rki_lock_slot *slot = rk_lock_slot(lock, index);
	int64_t left = rk_limit_left(wait->nanoseconds, wait->end);
	int r;

	/*
	 * If this thread holds the slot, it must not wait for the claim: the claim's holder can be waiting for this thread.
	 */
	if (__atomic_load_n(&slot->held, __ATOMIC_RELAXED) == lock_number())
		return rk_limit_error(wait->nanoseconds, true);
	r = rk_claim_take_for(&slot->claim, left > 0 ? left : 0);
	if (r < 0)
		return rk_limit_error(wait->nanoseconds, rk_claim_is_mine(&slot->claim));
	/* If OWNED is set here, a holder that is elsewhere set it, because reopen() clears OWNED before it releases the claim. */
	if (__atomic_load_n(&slot->closed, __ATOMIC_RELAXED) & RK_LOCK_OWNED) {
		__atomic_fetch_or(&slot->closed, RK_LOCK_HALF_DONE, __ATOMIC_SEQ_CST);
		__atomic_fetch_and(&slot->closed, ~(intptr_t)RK_LOCK_OWNED, __ATOMIC_SEQ_CST);
	}
	if (index >= 0 && !(__atomic_load_n(&slot->closed, __ATOMIC_RELAXED) & RK_LOCK_UNFENCED)) {
		__atomic_fetch_or(&slot->closed, RK_LOCK_CLOSED, __ATOMIC_SEQ_CST);
		r = rk_fence_cpu(index);
		if (r == 0)
			r = wait_until_empty(slot, wait);
		if (r < 0) {
			reopen(slot);
			return r;
		}
	}
	/*
	 * OWNED is set before HALF_DONE is cleared, so a child that is forked in between also finds that the data is half done.
	 */
	r = __atomic_fetch_or(&slot->closed, RK_LOCK_OWNED, __ATOMIC_SEQ_CST) & RK_LOCK_HALF_DONE ? 1 : 0;
	if (r == 1)
		__atomic_fetch_and(&slot->closed, ~(intptr_t)RK_LOCK_HALF_DONE, __ATOMIC_SEQ_CST);
	*data = (char *)slot + RK_LOCK_HEADER;
	return r;
}

static int lock_cpu(struct rk_lock *lock, int index, int64_t nanoseconds, void **data)
{
	struct wait wait = {.nanoseconds = nanoseconds};

	*data = NULL;
	if (rk_lock_data(lock, index) == NULL)
		return -EINVAL;
	wait.end = nanoseconds > 0 ? rk_kernel_end_of(nanoseconds) : 0;
	return close_slot(lock, index, &wait, data);
}

int rk_lock_cpu(struct rk_lock *lock, int index, void **data)
{
	return lock_cpu(lock, index, INT64_MAX, data);
}

int rk_lock_cpu_try(struct rk_lock *lock, int index, void **data)
{
	return lock_cpu(lock, index, 0, data);
}

int rk_lock_cpu_for(struct rk_lock *lock, int index, int64_t nanoseconds, void **data)
{
	return lock_cpu(lock, index, nanoseconds, data);
}

/* Functions that take the lock of the CPU on which the thread runs */

/*
 * Returns whether the slot's holder is elsewhere, or the slot's data is half done. If so, no section can take the slot, and
 * no thread will release it.
 */
static bool is_orphan(const struct rki_lock_slot *slot)
{
	intptr_t closed = __atomic_load_n(&slot->closed, __ATOMIC_SEQ_CST);

	return is_elsewhere(__atomic_load_n(&slot->held, __ATOMIC_SEQ_CST)) ||
	       is_elsewhere((intptr_t)__atomic_load_n(&slot->claim.holder, __ATOMIC_SEQ_CST)) ||
	       closed == RK_LOCK_HALF_DONE;
}

/*
 * Waits for the slot of the thread's CPU, which wasn't free. Returns 0 if the caller has to try again. Otherwise returns a
 * negative errno.
 */
static int wait_until_free(struct rki_lock_slot *slot, struct wait *wait)
{
	int64_t left = rk_limit_left(wait->nanoseconds, wait->end);

	if (__atomic_load_n(&slot->held, __ATOMIC_RELAXED) == lock_number() || rk_claim_is_mine(&slot->claim))
		return rk_limit_error(wait->nanoseconds, true);
	if (left <= 0)
		return rk_limit_error(wait->nanoseconds, false);
	if (wait->at != slot)
		stop_waiting(wait, NULL);
	wait->at = slot;
	sleep_until(slot, is_free, left);
	return 0;
}

/*
 * Takes the lock by a section, if the `outcome` of the first attempt allows that. Returns RK_DONE if it has stored a result in
 * *r. Returns RK_NO_RSEQ if the caller has to take the overflow slot.
 */
static enum rk_result lock_by_section(struct rk_lock *lock, struct wait *wait, void **data, enum rk_result outcome, int *r)
{
	intptr_t who = lock_number();

	for (int aborts = 0; outcome != RK_NO_RSEQ && aborts < RK_ABORTS_MAX;) {
		void *slot = NULL;

		aborts = outcome == RK_ABORTED ? aborts + 1 : 0;
		if (outcome == RK_UNEQUAL) {
			int cpu = rk_cpu();
			struct rki_lock_slot *taken = rk_lock_slot(lock, cpu);

			if (__atomic_load_n(&taken->closed, __ATOMIC_RELAXED) & RK_LOCK_UNFENCED)
				break;
			if (is_orphan(taken)) {
				stop_waiting(wait, NULL);
				*r = close_slot(lock, cpu, wait, data);
				/* -EHOSTUNREACH means that the CPU can't be fenced, -EINVAL that the list of CPUs is wrong. */
				return *r == -EHOSTUNREACH || *r == -EINVAL ? RK_NO_RSEQ : RK_DONE;
			}
			*r = wait_until_free(taken, wait);
			if (*r < 0)
				return RK_DONE;
		}
		outcome = rki_lock_take(lock, who, &slot);
		if (outcome == RK_DONE) {
			*r = 0;
			*data = (char *)slot + RK_LOCK_HEADER;
			return RK_DONE;
		}
	}
	return RK_NO_RSEQ;
}

int rki_lock_here_slow(struct rk_lock *lock, int64_t nanoseconds, void **data, enum rk_result outcome)
{
	struct wait wait = {.nanoseconds = nanoseconds};
	int r = 0;

	*data = NULL;
	wait.end = nanoseconds > 0 ? rk_kernel_end_of(nanoseconds) : 0;
	if (lock_by_section(lock, &wait, data, outcome, &r) == RK_DONE) {
		stop_waiting(&wait, r < 0 ? NULL : header_of(*data));
		return r;
	}
	stop_waiting(&wait, NULL);
	return close_slot(lock, RK_INDEX_OVERFLOW, &wait, data);
}

int rki_lock_release_slow(void *data, int is_free)
{
	struct rki_lock_slot *slot = header_of(data);

	/*
	 * Inlined code that has no sections, or doesn't know where thread numbers are (rki_number_offset), hasn't cleared
	 * `held`.
	 */
	if (!is_free && __atomic_load_n(&slot->held, __ATOMIC_RELAXED) == lock_number()) {
		__atomic_store_n(&slot->held, 0, __ATOMIC_RELEASE);
		is_free = 1;
	}
	if (is_free) {
		wake_waiter(slot);
		return 0;
	}
	if (!(__atomic_load_n(&slot->closed, __ATOMIC_RELAXED) & RK_LOCK_OWNED) || !rk_claim_is_mine(&slot->claim))
		return -EPERM;
	reopen(slot);
	return 0;
}
