/* SPDX-License-Identifier: MIT */
/*
 * claim.c - remote owners take turns.
 *
 * The invariant: who stores to `holder` finds it free, or its holder elsewhere (a thread that the process was forked
 * without), or holds it. There is no other state, and it is one word, so a claim is whole wherever a fork meets it.
 */
#define _GNU_SOURCE
#include "claim.h"

#include "thread/holder.h"
#include "thread/number.h"
#include "os/kernel.h"
#include "os/limit.h"

#define LOOK_AGAIN 50000000 /* ns */
#define LOOK_AGAIN_UNTOLD 20000

bool rk_claim_is_mine(const struct rk_claim *claim)
{
	return __atomic_load_n(&claim->holder, __ATOMIC_RELAXED) == rk_number_mine();
}

/* -EBUSY, and who holds it in *holder. */
static int attempt(struct rk_claim *claim, uint64_t me, uint64_t *holder)
{
	/* Who sees a bracket's number there sees it in the table as well, as long as that has it. */
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

/* The half of `holder` that differs between threads. */
static uint32_t *futex_of(struct rk_claim *claim)
{
	return (uint32_t *)&claim->holder + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
}

/*
 * It returns at once where its own thread holds it, or its parent by vfork. Who may be killed without anybody's noticing is
 * no waiter whom others wake: inside a bracket it looks again and again.
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
		/* In a child that a handler forks here nobody would wake it: it looks again by itself, and says who it is. */
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
	/* At once: a handler may release it in between, and another thread claim it. */
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
