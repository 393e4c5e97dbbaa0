/* SPDX-License-Identifier: MIT */
/*
 * lock_bench.h - the benches `lock` and `rwlock`.
 *
 * `lock`: a thread adds 1 to a word of the current CPU, under a lock. Invariant: no addition is lost.
 *
 * `rwlock`: a thread reads an object under a reader-writer lock. The object and the sums are those of rcu_bench.h. Invariant:
 * after a slice (one measured run, bench.h) a writer gets the lock at once.
 */
#ifndef RK_BENCH_LOCK_H
#define RK_BENCH_LOCK_H

#include <sched.h>

#include "rcu_bench.h"

#if BENCH_HAVE_CK
#include <ck_rwlock.h>

/* This lock is alone in its cache lines, like the other locks. */
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

/* The contenders with pthread mutexes use these structs instead of a lock: one for each CPU, or one for all CPUs. */
struct bench_lock_mutex {
	pthread_mutex_t mutex;
	uint64_t word;
} __attribute__((__aligned__(128)));

extern struct rk_lock *bench_lock;
extern struct bench_lock_mutex *bench_lock_mutexes, bench_lock_mutex;
extern void *bench_lock_floor;

uint64_t bench_sum_lock_rseqkit(void);
uint64_t bench_sum_lock_mutexes(void);
uint64_t bench_sum_lock_mutex(void);

BENCH_INLINE void lock_rseqkit(struct rk_lock *lock)
{
	void *data;

	if (RKI_UNLIKELY(rk_lock_here(lock, &data) != 0))
		return;
	++*(uint64_t *)data;
	(void)rk_lock_release(lock, data);
}

BENCH_INLINE void lock_mutex(struct bench_lock_mutex *lock)
{
	(void)pthread_mutex_lock(&lock->mutex);
	lock->word++;
	(void)pthread_mutex_unlock(&lock->mutex);
}

#if BENCH_HAVE_FLOOR
/*
 * The contender `floor` (floor.h) of the bench `lock`. The words for the holder and for the data are as far apart as those of an
 * rk_lock.
 */
BENCH_INLINE void lock_floor(void *base)
{
	volatile intptr_t *slot = floor_slot(base);

	slot[0] = (intptr_t)base;
	slot[8]++;
	slot[0] = 0;
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
