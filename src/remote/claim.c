/* SPDX-License-Identifier: MIT */
/*
 * claim.c - remote owners take turns.
 *
 * The invariant: who stores to `holder` either finds it free, or dead (of another generation, and not the thread that
 * forked), or holds it. There is no other state, so a claim is whole wherever a fork meets it.
 */
#define _GNU_SOURCE
#include "claim.h"

#include <time.h>
#include "generation.h"
#include "kernel.h"
#include "registration/area.h"

/* Of include/uapi/linux/futex.h, private to the process. */
#define FUTEX_WAIT (0 | 128)
#define FUTEX_WAKE (1 | 128)

#define SECOND 1000000000
#define LOOK_AGAIN (SECOND / 20)

static uint32_t thread_of(uint64_t holder)
{
	return (uint32_t)holder;
}

static uint32_t generation_of(uint64_t holder)
{
	return (uint32_t)(holder >> 32);
}

/*
 * The thread's number, and of which process it is that. A handler that forks in between writes both for the child: the
 * generation comes last, so that of two halves it is the older one, which is no longer right.
 */
static __thread struct {
	uint32_t thread, generation;
} known __attribute__((RK_BLOCK_MODEL __unused__));

static uint64_t myself(void)
{
	uint32_t generation = READ(known.generation), thread = READ(known.thread), now = rk_generation();

	if (generation != now) {
		thread = (uint32_t)RK_SYSCALL(SYS_gettid);
		WRITE(known.thread, thread);
		WRITE(known.generation, now);
	}
	return (uint64_t)now << 32 | thread;
}

/*
 * The thread that a process begins with is the one that forked. It has another number than before, and the same thread
 * pointer.
 */
static bool forked_with(const struct rk_claim *claim)
{
	return __atomic_load_n(&claim->pointer, __ATOMIC_RELAXED) == (uintptr_t)rk_thread_pointer() &&
	       RK_SYSCALL(SYS_gettid) == RK_SYSCALL(SYS_getpid);
}

bool rk_claim_is_mine(const struct rk_claim *claim)
{
	uint64_t me;
	bool mine;

	/* Again if a handler forked in between: half of it would be of the parent. */
	do {
		uint64_t holder = __atomic_load_n(&claim->holder, __ATOMIC_RELAXED);

		me = myself();
		mine = holder == me ||
		       (holder != 0 && generation_of(holder) != generation_of(me) && forked_with(claim));
	} while (rk_generation() != generation_of(me));
	return mine;
}

/* -EBUSY, and who holds it in *holder. */
static int attempt(struct rk_claim *claim, uint64_t *holder)
{
	uint64_t me = myself();

	*holder = __atomic_load_n(&claim->holder, __ATOMIC_RELAXED);
	for (;;) {
		uint64_t seen = *holder;

		if (seen != 0 && (generation_of(seen) == generation_of(me) || rk_claim_is_mine(claim)))
			return -EBUSY;
		if (__atomic_compare_exchange_n(&claim->holder, holder, me, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
			__atomic_store_n(&claim->pointer, (uintptr_t)rk_thread_pointer(), __ATOMIC_RELAXED);
			return seen != 0;
		}
	}
}

int rk_claim_try(struct rk_claim *claim)
{
	uint64_t holder;

	return attempt(claim, &holder);
}

static int64_t now(void)
{
	struct timespec time = {0, 0};

	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * SECOND + time.tv_nsec;
}

/* The half of `holder` that says which thread. */
static uint32_t *futex_of(struct rk_claim *claim)
{
	return (uint32_t *)&claim->holder + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
}

int rk_claim_wait(struct rk_claim *claim, int64_t nanoseconds)
{
	uint64_t holder;
	int64_t end, left;
	int r;

	if (nanoseconds < 0)
		return -EINVAL;
	r = attempt(claim, &holder);
	if (r != -EBUSY || nanoseconds == 0 || rk_claim_is_mine(claim))
		return r;
	end = now();
	end = end > INT64_MAX - nanoseconds ? INT64_MAX : end + nanoseconds;
	__atomic_fetch_add(&claim->waiters, 1, __ATOMIC_SEQ_CST);
	while ((r = attempt(claim, &holder)) == -EBUSY && (left = end - now()) > 0) {
		/* In a child that a handler forks here nobody would wake it: it looks again by itself. */
		struct timespec time = {.tv_nsec = (long)(left < LOOK_AGAIN ? left : LOOK_AGAIN)};

		(void)RK_SYSCALL(SYS_futex, futex_of(claim), FUTEX_WAIT, thread_of(holder), &time, NULL, 0);
	}
	__atomic_fetch_sub(&claim->waiters, 1, __ATOMIC_RELAXED);
	return r;
}

int rk_claim_release(struct rk_claim *claim)
{
	if (!rk_claim_is_mine(claim))
		return -EPERM;
	__atomic_store_n(&claim->pointer, 0, __ATOMIC_RELEASE); /* or it would be taken for the next holder's */
	__atomic_store_n(&claim->holder, 0, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&claim->waiters, __ATOMIC_SEQ_CST) > 0)
		(void)RK_SYSCALL(SYS_futex, futex_of(claim), FUTEX_WAKE, 1, NULL, NULL, 0);
	return 0;
}
