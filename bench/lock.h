/* SPDX-License-Identifier: MIT */
/*
 * lock.h - the bench `rwlock`: an object is read under a reader-writer lock. What is read, and how it is added up, is that of
 * rcu.h. The invariant: when a slice is over a writer gets the lock at once.
 */
#ifndef RK_BENCH_LOCK_H
#define RK_BENCH_LOCK_H

#include "rcu.h"

#if BENCH_HAVE_CK
#include <ck_rwlock.h>

/* Alone in its line, like the others. */
struct bench_rwlock_ck {
	ck_rwlock_t lock;
} __attribute__((__aligned__(128)));

extern struct bench_rwlock_ck bench_rwlock_ck;

BENCH_INLINE uint64_t rwlock_ck_read(ck_rwlock_t *lock, const struct bench_rcu_place *place)
{
	uint64_t one;

	ck_rwlock_read_lock(lock);
	one = place->object->one;
	ck_rwlock_read_unlock(lock);
	return one;
}
#endif

extern struct rk_rwlock *bench_rwlock;

int bench_lock_create(void);
bool bench_settle_rwlock_rseqkit(void);
bool bench_settle_rwlock_ck(void);

BENCH_INLINE uint64_t rwlock_rseqkit_read(struct rk_rwlock *lock, const struct bench_rcu_place *place)
{
	struct rk_rwlock_section *section;
	uint64_t one;

	if (RKI_UNLIKELY(rk_rwlock_read_lock(lock, &section) != 0))
		return 0;
	one = place->object->one;
	rk_rwlock_read_unlock(lock, section);
	return one;
}

#endif /* RK_BENCH_LOCK_H */
