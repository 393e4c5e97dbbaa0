/* SPDX-License-Identifier: MIT */
/*
 * claim.c - remote owners take turns.
 *
 * The invariant: who stores to `holder` finds it free, or its holder elsewhere (a thread that the process was forked
 * without), or holds it. There is no other state, and it is one word, so a claim is whole wherever a fork meets it.
 */
#define _GNU_SOURCE
#include "claim.h"

#include "holder.h"
#include "kernel.h"

#define LOOK_AGAIN 50000000 /* ns */

bool rk_claim_is_mine(const struct rk_claim *claim)
{
	return __atomic_load_n(&claim->holder, __ATOMIC_RELAXED) == rk_holder_me();
}

/* -EBUSY, and who holds it in *holder. */
static int attempt(struct rk_claim *claim, uint64_t me, uint64_t *holder)
{
	*holder = __atomic_load_n(&claim->holder, __ATOMIC_RELAXED);
	for (;;) {
		uint64_t seen = *holder;

		if (seen != 0 && ((seen ^ me) << 1 == 0 || !rk_holder_is_elsewhere(seen)))
			return -EBUSY;
		if (__atomic_compare_exchange_n(&claim->holder, holder, me, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			return seen != 0;
	}
}

int rk_claim_try(struct rk_claim *claim)
{
	uint64_t holder;

	return attempt(claim, rk_holder_me(), &holder);
}

int rk_claim_try_exclusively(struct rk_claim *claim)
{
	uint64_t holder;

	return attempt(claim, rk_holder_me() | RK_HOLDER_FLAG, &holder);
}

/* The half of `holder` that differs between threads. */
static uint32_t *futex_of(struct rk_claim *claim)
{
	return (uint32_t *)&claim->holder + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
}

int rk_claim_wait(struct rk_claim *claim, int64_t nanoseconds)
{
	uint64_t holder, me = rk_holder_me();
	int64_t end, left;
	int r;

	if (nanoseconds < 0)
		return -EINVAL;
	r = attempt(claim, me, &holder);
	if (r != -EBUSY || nanoseconds == 0 || (holder ^ me) << 1 == 0)
		return r;
	end = rk_kernel_end_of(nanoseconds);
	__atomic_fetch_add(&claim->waiters, 1, __ATOMIC_SEQ_CST);
	while ((r = attempt(claim, me, &holder)) == -EBUSY && (left = end - rk_kernel_now()) > 0) {
		/* In a child that a handler forks here nobody would wake it: it looks again by itself, and says who it is. */
		(void)rk_futex_wait(futex_of(claim), (uint32_t)holder, left < LOOK_AGAIN ? left : LOOK_AGAIN);
		(void)rk_holder_me();
	}
	__atomic_fetch_sub(&claim->waiters, 1, __ATOMIC_RELAXED);
	return r;
}

static int release(struct rk_claim *claim, uint64_t me)
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
	return release(claim, rk_holder_me());
}

int rk_claim_release_exclusively(struct rk_claim *claim)
{
	return release(claim, rk_holder_me() | RK_HOLDER_FLAG);
}
