/* SPDX-License-Identifier: MIT */
/*
 * mutex.c - mutexes (rseqkit/mutex.h). The word of a mutex has one of three values: free, held, or held with sleepers.
 *
 * A thread requests a longer time slice (rseqkit/slice.h) before each attempt to take the word. If the thread requested time
 * only after it had taken the word, it might be preempted before the request. Then all waiters would have to wait. If the
 * attempt fails, the thread clears the request, because a thread that only waits has no use for more time. An unlock clears
 * the request before it wakes a thread. The wake-up is a system call, which would end granted time anyway.
 */
#define _GNU_SOURCE
#include <rseqkit/mutex.h>

#include "os/kernel.h"
#include "os/limit.h"
#include "os/thread_pointer.h"
#include "slice.h"

enum { FREE = 0, HELD = 1, SLEPT_FOR = 2 };

#define SPINS_MAX 100 /* most pauses in one call of spin() */

static uint64_t mutex_holder(void)
{
	return (uint64_t)(uintptr_t)rk_thread_pointer();
}

static bool is_mine(const struct rk_mutex *mutex)
{
	return __atomic_load_n(&mutex->holder, __ATOMIC_RELAXED) == mutex_holder();
}

static bool is_checked(const struct rk_mutex *mutex)
{
	return mutex->flags & RK_MUTEX_CHECKED;
}

static bool take_if_free(struct rk_mutex *mutex)
{
	uint32_t expected = FREE;

	return __atomic_compare_exchange_n(&mutex->word, &expected, HELD, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static void taken_with(struct rk_mutex *mutex, int requested)
{
	/* Threads that spin read this cache line, so `requested` is stored only if it changes. */
	if (mutex->requested != requested)
		mutex->requested = requested;
	if (is_checked(mutex))
		__atomic_store_n(&mutex->holder, mutex_holder(), __ATOMIC_RELAXED);
}

/* Tries once to take the mutex. After a sleep the thread stores SLEPT_FOR, because other threads can be sleeping, too. */
static bool take_mutex(struct rk_mutex *mutex, bool slept)
{
	int requested = rk_slice_hold();
	bool taken = slept ? __atomic_exchange_n(&mutex->word, SLEPT_FOR, __ATOMIC_ACQUIRE) == FREE : take_if_free(mutex);

	if (taken)
		taken_with(mutex, requested);
	else
		rk_slice_let_go(requested);
	return taken;
}

/*
 * Spins for at most about twice as long as recent calls of this function did on average, whether these succeeded or not. The
 * time between loads grows, because each load takes the word's cache line from the holder, which needs the line to unlock.
 */
static bool spin(struct rk_mutex *mutex)
{
	int before = __atomic_load_n(&mutex->spins, __ATOMIC_RELAXED), times = 0;
	int most = before * 2 + 10 < SPINS_MAX ? before * 2 + 10 : SPINS_MAX;
	bool taken = false;

	for (int pauses = 1; times < most && !taken; pauses *= 2) {
		for (int i = 0; i < pauses && times < most; i++, times++)
			RK_PAUSE();
		taken = __atomic_load_n(&mutex->word, __ATOMIC_RELAXED) == FREE && take_mutex(mutex, false);
	}
	if ((times - before) / 8 != 0)
		__atomic_store_n(&mutex->spins, (int16_t)(before + (times - before) / 8), __ATOMIC_RELAXED);
	return taken;
}

static __attribute__((__noinline__)) int wait_for_mutex(struct rk_mutex *mutex, int64_t nanoseconds)
{
	bool by_itself = is_checked(mutex) && is_mine(mutex);
	int64_t end;

	if (by_itself || nanoseconds <= 0)
		return rk_limit_error(nanoseconds, by_itself);
	if (spin(mutex))
		return 0;
	end = rk_kernel_end_of(nanoseconds);
	for (int64_t left = nanoseconds; left > 0; left = rk_limit_left(nanoseconds, end)) {
		if (take_mutex(mutex, true))
			return 0;
		(void)rk_futex_wait(&mutex->word, SLEPT_FOR, left);
	}
	return take_mutex(mutex, true) ? 0 : rk_limit_error(nanoseconds, false);
}

int rk_mutex_init(struct rk_mutex *mutex, unsigned flags)
{
	if (mutex == NULL || (flags & ~(unsigned)RK_MUTEX_CHECKED) != 0)
		return -EINVAL;
	*mutex = (struct rk_mutex){.flags = (uint16_t)flags};
	return 0;
}

static __attribute__((__noinline__)) int lock_with_request(struct rk_mutex *mutex, int64_t nanoseconds)
{
	return take_mutex(mutex, false) ? 0 : wait_for_mutex(mutex, nanoseconds);
}

/*
 * An atomic instruction waits until the stores before it have reached the cache, so the common path has few stores. The common
 * path also calls no function, because registers would have to be saved for a call.
 */
int rk_mutex_lock_for(struct rk_mutex *mutex, int64_t nanoseconds)
{
	if (RKI_UNLIKELY(rk_slice_is_possible()))
		return lock_with_request(mutex, nanoseconds);
	if (RKI_UNLIKELY(!take_if_free(mutex)))
		return wait_for_mutex(mutex, nanoseconds);
	taken_with(mutex, 0);
	return 0;
}

int rk_mutex_lock(struct rk_mutex *mutex)
{
	return rk_mutex_lock_for(mutex, INT64_MAX);
}

int rk_mutex_lock_try(struct rk_mutex *mutex)
{
	return rk_mutex_lock_for(mutex, 0);
}

static __attribute__((__noinline__)) int unlocked(struct rk_mutex *mutex, int requested, bool slept_for)
{
	rk_slice_let_go(requested);
	if (slept_for)
		rk_futex_wake(&mutex->word, 1);
	return 0;
}

int rk_mutex_unlock(struct rk_mutex *mutex)
{
	int requested;
	bool slept_for;

	if (is_checked(mutex)) {
		if (!is_mine(mutex))
			return -EPERM;
		__atomic_store_n(&mutex->holder, 0, __ATOMIC_RELAXED);
	}
	requested = mutex->requested;
	slept_for = __atomic_exchange_n(&mutex->word, FREE, __ATOMIC_RELEASE) == SLEPT_FOR;
	return RKI_UNLIKELY(requested != 0 || slept_for) ? unlocked(mutex, requested, slept_for) : 0;
}
