/* SPDX-License-Identifier: MIT */
/*
 * claim.c - takes and releases claims. A claim lets only one thread at a time change some data (claim.h).
 *
 * The invariant: a thread that stores to `holder` holds the claim, or finds the claim free, or finds that the claim's holder
 * is elsewhere. A holder is elsewhere if fork didn't copy its thread to this process, or if the holder is a bracket
 * (rk_vfork_begin()) that has ended (thread/holder.h). `holder` is one word, and the claim's whole state, so a child finds a
 * valid claim, whenever it is forked.
 */
#define _GNU_SOURCE
#include "claim.h"

#include "thread/holder.h"
#include "thread/number.h"
#include "os/kernel.h"
#include "os/limit.h"

#define LOOK_AGAIN 50000000 /* ns that a counted waiter sleeps at most */
#define LOOK_AGAIN_UNTOLD 20000 /* the same for a waiter that isn't counted */

bool rk_claim_is_mine(const struct rk_claim *claim)
{
	return __atomic_load_n(&claim->holder, __ATOMIC_RELAXED) == rk_number_mine();
}

/* Tries to take the claim. Returns 0; 1 if the claim's holder was elsewhere; or -EBUSY, and the holder in *holder. */
static int attempt(struct rk_claim *claim, uint64_t me, uint64_t *holder)
{
	/*
	 * `holder` can be the number of a bracket. thread/bracket.c stores this number in its table before any claim gets the
	 * number. Because this load has acquire order, rk_holder_is_elsewhere() finds the number in the table.
	 */
	*holder = __atomic_load_n(&claim->holder, __ATOMIC_ACQUIRE);
	for (;;) {
		uint64_t seen = *holder;

		if (seen != 0 && ((seen ^ me) << 1 == 0 || !rk_holder_is_elsewhere(seen)))
			return -EBUSY;
		if (__atomic_compare_exchange_n(&claim->holder, holder, me, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			return seen != 0;
	}
}

int rk_claim_take_try(struct rk_claim *claim)
{
	uint64_t holder;

	return attempt(claim, rk_number_mine(), &holder);
}

int rk_claim_try_exclusively(struct rk_claim *claim)
{
	uint64_t holder;

	return attempt(claim, rk_number_mine() | RK_NUMBER_FLAG, &holder);
}

/* Returns the address of the half of `holder` that differs between threads. */
static uint32_t *futex_of(struct rk_claim *claim)
{
	return (uint32_t *)&claim->holder + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
}

/*
 * Takes the claim, and waits for it at most `nanoseconds`. Returns at once if the calling thread, or its vfork parent, holds
 * the claim. A waiter inside a bracket (rk_vfork_begin()) can be killed, and then couldn't subtract itself from `waiters`, so
 * such a waiter isn't counted, and polls.
 */
static int wait_as(struct rk_claim *claim, uint64_t me, int64_t nanoseconds)
{
	bool told = (me & RK_NUMBER_BRACKET) == 0;
	int64_t end, left, most = told ? LOOK_AGAIN : LOOK_AGAIN_UNTOLD;
	uint64_t holder;
	int r = attempt(claim, me, &holder);

	if (r == -EBUSY && (nanoseconds <= 0 || rk_holder_is_here(holder)))
		return rk_limit_error(nanoseconds, true);
	if (r != -EBUSY)
		return r;
	end = rk_kernel_end_of(nanoseconds);
	if (told)
		__atomic_fetch_add(&claim->waiters, 1, __ATOMIC_SEQ_CST);
	while ((r = attempt(claim, me, &holder)) == -EBUSY && (left = end - rk_kernel_now()) > 0) {
		/*
		 * If a signal handler forks during this sleep, no thread of the child wakes the forking thread. The sleep
		 * therefore has a time limit, after which the thread looks again. The child calls rk_number_mine(), because
		 * before that call no holder counts as elsewhere in the child.
		 */
		(void)rk_futex_wait(futex_of(claim), (uint32_t)holder, left < most ? left : most);
		(void)rk_number_mine();
	}
	if (told)
		__atomic_fetch_sub(&claim->waiters, 1, __ATOMIC_RELAXED);
	return r == -EBUSY ? -ETIMEDOUT : r;
}

int rk_claim_take_for(struct rk_claim *claim, int64_t nanoseconds)
{
	return wait_as(claim, rk_number_mine(), nanoseconds);
}

int rk_claim_enter(struct rk_claim *claim, int64_t nanoseconds, uint64_t *me)
{
	*me = rk_holder_here();
	return wait_as(claim, *me, nanoseconds);
}

static int release_as(struct rk_claim *claim, uint64_t me)
{
	/*
	 * This must be one instruction. Between a test and a store, a handler might release the claim, and another thread might
	 * take it.
	 */
	if (!__atomic_compare_exchange_n(&claim->holder, &me, 0, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		return -EPERM;
	if (__atomic_load_n(&claim->waiters, __ATOMIC_SEQ_CST) > 0)
		rk_futex_wake(futex_of(claim), 1);
	return 0;
}

int rk_claim_release(struct rk_claim *claim)
{
	return release_as(claim, rk_number_mine());
}

int rk_claim_release_exclusively(struct rk_claim *claim)
{
	return release_as(claim, rk_number_mine() | RK_NUMBER_FLAG);
}

void rk_claim_leave(struct rk_claim *claim, uint64_t me)
{
	(void)release_as(claim, me);
}
