/* SPDX-License-Identifier: MIT */
/*
 * lock.h - the inline functions of ../lock.h, the slow paths that they call, and the structure of a CPU's lock
 * (src/structures/lock.h).
 */
#ifndef RSEQKIT_DETAIL_LOCK_H
#define RSEQKIT_DETAIL_LOCK_H

#include <rseqkit/bank.h>
#include <rseqkit/detail/readers.h>
#include <rseqkit/lock.h>

/* A CPU's slot begins with this structure, and the CPU's data follows. Sections check the first two words. */
struct rki_lock_slot {
	intptr_t held;           /* number of the thread whose section took the lock; 0: none */
	intptr_t closed;         /* not 0: a thread on any CPU takes or has the lock, so no section takes it */
	uint32_t waiting;        /* not 0: a thread waits to be woken */
	uint32_t freed, emptied; /* futexes: of threads that wait for a free lock; of the thread that closed the lock */
	uint32_t reserved;
	struct rk_claim claim; /* held by the thread that closed the lock */
};

#define RKI_LOCK_KIND RKI_BY_CPU /* the kind of index (arch/arch.h) */

RKI_BEGIN_DECLS

/*
 * The offset in bytes from the thread pointer to the word with the thread's number. No other thread ever gets that number,
 * not even in a forked process. Until the thread has a number, the word is 0. The library's constructor or the first
 * rk_lock_create() sets the offset. From then on the offset is constant, like rk_area_offset. If this copy of the library has
 * no static TLS, the offset is 0. With musl this is so if dlopen() loads the copy.
 */
RKI_EXPORT RKI_ONCE ptrdiff_t rki_number_offset;

/* The address of this variable says which copy of the library other modules call. No inlined code uses the variable. */
RKI_EXPORT const char rki_lock_copy;

/*
 * Returns the calling thread's number. Returns 0 if the thread has no number yet, or if the place of the number isn't known. In
 * that case the slow path finds the number.
 */
static inline __attribute__((__unused__)) intptr_t rki_lock_me(void)
{
	intptr_t me = 0;

#if RK_HAVE_SECTIONS
#ifndef __GLIBC__
	if (RKI_UNLIKELY(rki_number_offset == 0))
		return 0;
#endif
	RKI_THREAD_WORD(me, rki_number_offset);
#endif
	return me;
}

/*
 * If the lock of the CPU that the thread runs on is neither held nor closed, stores `who` into the lock's `held`. Otherwise
 * returns RK_UNEQUAL. If `who` was stored, *slot becomes the address of that CPU's slot, otherwise NULL. The loads of both
 * words have acquire order.
 */
static inline __attribute__((__unused__)) enum rk_result rki_lock_take(void *base, intptr_t who, void **slot)
{
	uintptr_t token;

	*slot = RKI_NULL;
	if (RKI_NO_AREA)
		return RK_NO_RSEQ;
	RK_SECTION_TOKEN(token, RK_ASM_EXIT_VALUE(leave, RK_ASM_NO_RSEQ) RK_ASM_EXIT_VALUE(unequal, RK_ASM_UNEQUAL),
			 RKI_ASM_INDEX(RKI_LOCK_KIND, RK_ASM_HERE) RK_ASM_UNLESS_FREE(RK_ASM_HERE, unequal) RK_ASM_TELL_SLOT
			 RK_ASM_COMMIT_STORE(who),
			 RK_LIST(RKI_IN_INDEX(RKI_LOCK_KIND, base), RK_IN_WORD(who)), RK_USES_LOADED);
	if (RKI_LIKELY(token > RK_CLOSED)) {
#if RK_HAVE_SECTIONS
		__atomic_thread_fence(__ATOMIC_ACQUIRE); /* no instruction on x86 */
#endif
		*slot = (void *)token;
		return RK_DONE;
	}
	return token == RK_NO_RSEQ ? RKI_LEAVE_BY(RKI_LOCK_KIND) : (enum rk_result)token;
}

/*
 * The slow paths of the functions below. Each may be called in the same contexts as the function that calls it. `outcome` is
 * the result of the fast path.
 */
RKI_API int rki_lock_here_slow(struct rk_lock *lock, int64_t nanoseconds, void **data, enum rk_result outcome);
RKI_API int rki_lock_release_slow(void *data, int is_free);
RKI_API int rki_rwlock_read_lock_slow(struct rk_rwlock *lock, int64_t nanoseconds, struct rk_rwlock_section **section,
				     enum rk_result outcome);
RKI_API void rki_rwlock_read_unlock_slow(struct rk_rwlock *lock, struct rk_rwlock_section *section,
					enum rk_result outcome);

RKI_INLINE int rk_lock_here_for(struct rk_lock *lock, int64_t nanoseconds, void **data)
{
	void *slot = RKI_NULL, *slowly; /* local, so that the caller's variable may be in a register */
	enum rk_result outcome = RK_ABORTED;
	intptr_t me = rki_lock_me();
	int r;

	if (RKI_LIKELY(me != 0))
		outcome = rki_lock_take(lock, me, &slot);
	if (RKI_LIKELY(outcome == RK_DONE)) {
		*data = (void *)((uintptr_t)slot + RK_LOCK_HEADER);
		return 0;
	}
	r = rki_lock_here_slow(lock, nanoseconds, &slowly, outcome);
	*data = slowly;
	return r;
}

RKI_INLINE int rk_lock_here(struct rk_lock *lock, void **data)
{
	return rk_lock_here_for(lock, INT64_MAX, data);
}

RKI_INLINE int rk_lock_here_try(struct rk_lock *lock, void **data)
{
	return rk_lock_here_for(lock, 0, data);
}

RKI_INLINE int rk_lock_release(struct rk_lock *lock, void *data)
{
#if RK_HAVE_SECTIONS
	struct rki_lock_slot *slot = (struct rki_lock_slot *)((uintptr_t)data - RK_LOCK_HEADER);
	intptr_t held = __atomic_load_n(&slot->held, __ATOMIC_RELAXED);

	if (RKI_LIKELY(held != 0 && held == rki_lock_me())) {
		__atomic_store_n(&slot->held, 0, __ATOMIC_RELEASE);
		return RKI_LIKELY(__atomic_load_n(&slot->waiting, __ATOMIC_RELAXED) == 0) ? 0 : rki_lock_release_slow(data, 1);
	}
#endif
	(void)lock; /* the data's address is enough */
	return rki_lock_release_slow(data, 0);
}

RKI_INLINE int rk_rwlock_read_lock_for(struct rk_rwlock *lock, int64_t nanoseconds, struct rk_rwlock_section **section)
{
	struct rk_rwlock_section *slowly; /* local, so that the caller's variable may be in a register */
	void *counted;
	enum rk_result outcome = rk_gate_enter(RKI_READERS_GATE_OF(lock), &counted);
	int r;

	if (RKI_LIKELY(outcome == RK_DONE)) {
		*section = (struct rk_rwlock_section *)counted;
		return 0;
	}
	r = rki_rwlock_read_lock_slow(lock, nanoseconds, &slowly, outcome);
	*section = slowly;
	return r;
}

RKI_INLINE int rk_rwlock_read_lock(struct rk_rwlock *lock, struct rk_rwlock_section **section)
{
	return rk_rwlock_read_lock_for(lock, INT64_MAX, section);
}

RKI_INLINE int rk_rwlock_read_lock_try(struct rk_rwlock *lock, struct rk_rwlock_section **section)
{
	return rk_rwlock_read_lock_for(lock, 0, section);
}

RKI_INLINE void rk_rwlock_read_unlock(struct rk_rwlock *lock, struct rk_rwlock_section *section)
{
	enum rk_result outcome = RKI_READERS_LEAVE(section);

	if (RKI_UNLIKELY(outcome != RK_DONE) || RKI_UNLIKELY(__atomic_load_n(RKI_READERS_GATE_OF(lock), __ATOMIC_RELAXED) == 0))
		rki_rwlock_read_unlock_slow(lock, section, outcome);
}

RKI_END_DECLS

#endif /* RSEQKIT_DETAIL_LOCK_H */
