/* SPDX-License-Identifier: MIT */
/*
 * rcu_bench.h - the benches `rcu`, `rcu-writer` and `rcu-writer-running`: an object that readers read in sections, and that a
 * writer replaces.
 *
 * In a section a reader loads the published pointer, and a word of the object that it points to. The word is 1 while the object
 * is published, and has another value afterwards. Invariants: the words that readers find add up to the number of their sections,
 * and after a slice (one measured run, bench.h) no reader is in a section (bench_settle_rcu()).
 *
 * liburcu isn't needed to build. Without it, its contenders are in the list but can't run.
 */
#ifndef RK_BENCH_RCU_H
#define RK_BENCH_RCU_H

#include <pthread.h>

#include "bench.h"
#include "floor.h"

#if BENCH_HAVE_URCU_FLAVOURS
/* These macros make liburcu's functions inline. Releases before 0.14 know only the first macro. */
#ifndef _LGPL_SOURCE
#define _LGPL_SOURCE
#endif
#ifndef URCU_INLINE_SMALL_FUNCTIONS
#define URCU_INLINE_SMALL_FUNCTIONS
#endif
#include <urcu/urcu-bp.h>
#include <urcu/urcu-mb.h>
#include <urcu/urcu-memb.h>
#include <urcu/urcu-qsbr.h>
#endif

#define BENCH_RCU_QUIET 64 /* the contender liburcu-qsbr announces a quiescent state after this many sections */

struct bench_rcu_object {
	uint64_t one;
} __attribute__((__aligned__(128)));

/* The published pointer. It is alone in its cache lines, like the object. */
struct bench_rcu_place {
	struct bench_rcu_object *object;
} __attribute__((__aligned__(128)));

extern struct bench_rcu_place bench_rcu_place;
extern struct rk_rcu *bench_rcu;
extern pthread_rwlock_t bench_rcu_rwlock;

int bench_rcu_create(void);
int bench_rcu_writer_create(void);
uint64_t bench_sum_rcu(void);
bool bench_settle_rcu(void);
bool bench_settle_rcu_rseqkit(void);
bool bench_settle_rcu_rwlock(void);

/* Adds the sum of the words that a thread has read. `inside` says whether the thread is still in a section. */
void bench_rcu_count(uint64_t seen, bool inside);

/*
 * The cleanup function of a loop's sum (RCU_TALLY). The sum's address is needed only after the loop, so the sum can be in a
 * register.
 */
BENCH_INLINE void rcu_count(uint64_t *seen)
{
	bench_rcu_count(*seen, false);
}

#define RCU_TALLY_OF(count)                                                                                            \
	const struct bench_rcu_place *place = &bench_rcu_place;                                                        \
	uint64_t seen __attribute__((__cleanup__(count))) = 0
#define RCU_TALLY RCU_TALLY_OF(rcu_count)

BENCH_INLINE uint64_t rcu_rseqkit_read(struct rk_rcu *rcu, const struct bench_rcu_place *place)
{
	struct rk_rcu_section *section;
	uint64_t one;

	rk_rcu_read_lock(rcu, &section);
	one = rk_rcu_dereference(place->object)->one;
	rk_rcu_read_unlock(rcu, section);
	return one;
}

BENCH_INLINE uint64_t rcu_rwlock_read(pthread_rwlock_t *lock, const struct bench_rcu_place *place)
{
	uint64_t one;

	(void)pthread_rwlock_rdlock(lock);
	one = place->object->one;
	(void)pthread_rwlock_unlock(lock);
	return one;
}

/* The gate of the contender `floor` (rseqkit/gate.h): a word that names an item. A section loads the gate to find the item. */
extern void *bench_rcu_floor_gate;

#if BENCH_HAVE_FLOOR
BENCH_INLINE uint64_t rcu_floor_read(void **gate, const struct bench_rcu_place *place)
{
	void *counted = *(void *volatile *)gate;
	uint64_t one;

	floor_add(counted, 1);
	one = rk_rcu_dereference(place->object)->one;
	floor_add(counted, -1);
	return one;
}
#endif

/* ---- liburcu */

#if BENCH_HAVE_URCU_FLAVOURS
/*
 * These functions register the calling thread with a flavour of liburcu, before its loop. The thread stays registered until it
 * ends. The warm-up (an unmeasured run of the loop) therefore registers the thread, and the measured time doesn't include the
 * registration. The flavour `bp` registers threads by itself.
 */
void bench_rcu_enter_bp(void);
void bench_rcu_enter_mb(void);
void bench_rcu_enter_memb(void);
void bench_rcu_enter_qsbr(void);

#define RCU_FLAVOUR(flavour)                                                                                           \
	BENCH_INLINE uint64_t rcu_##flavour##_read(const struct bench_rcu_place *place)                                \
	{                                                                                                              \
		uint64_t one;                                                                                          \
                                                                                                                       \
		urcu_##flavour##_read_lock();                                                                          \
		one = rcu_dereference(place->object)->one;                                                             \
		urcu_##flavour##_read_unlock();                                                                        \
		return one;                                                                                            \
	}

RCU_FLAVOUR(bp)
RCU_FLAVOUR(mb)
RCU_FLAVOUR(memb)
RCU_FLAVOUR(qsbr)

#define RCU_COUNT(flavour)                                                                                             \
	BENCH_INLINE void rcu_count_##flavour(uint64_t *seen)                                                          \
	{                                                                                                              \
		bench_rcu_count(*seen, urcu_##flavour##_read_ongoing() != 0);                                          \
	}

RCU_COUNT(bp)
RCU_COUNT(mb)
RCU_COUNT(memb)

/* Makes the thread offline, because it isn't measured any more. */
BENCH_INLINE void rcu_count_qsbr(uint64_t *seen)
{
	urcu_qsbr_thread_offline();
	bench_rcu_count(*seen, urcu_qsbr_read_ongoing() != 0);
}

/* Called after the n-th read of a thread. After every BENCH_RCU_QUIET reads the thread announces a quiescent state. */
BENCH_INLINE void rcu_qsbr_announce(uint64_t n)
{
	if (RKI_UNLIKELY(n % BENCH_RCU_QUIET == 0))
		urcu_qsbr_quiescent_state();
}
#endif

/* X(bench, contender, condition, function), as in remote_bench.h */
#define RCU_WRITERS(X)                                                                                                 \
	X("rcu-writer", "rseqkit", BENCH_ANY, rcu_writer_rseqkit)                                                      \
	X("rcu-writer", "liburcu-bp", BENCH_URCU_FLAVOURS, rcu_writer_bp)                                              \
	X("rcu-writer", "liburcu-memb", BENCH_URCU_FLAVOURS, rcu_writer_memb)                                          \
	X("rcu-writer", "liburcu-mb", BENCH_URCU_FLAVOURS, rcu_writer_mb)                                              \
	X("rcu-writer", "liburcu-qsbr", BENCH_URCU_FLAVOURS, rcu_writer_qsbr)                                          \
	X("rcu-writer-running", "rseqkit", BENCH_ANY, rcu_writer_running_rseqkit)                                      \
	X("rcu-writer-running", "liburcu-bp", BENCH_URCU_FLAVOURS, rcu_writer_running_bp)                              \
	X("rcu-writer-running", "liburcu-memb", BENCH_URCU_FLAVOURS, rcu_writer_running_memb)                          \
	X("rcu-writer-running", "liburcu-mb", BENCH_URCU_FLAVOURS, rcu_writer_running_mb)                              \
	X("rcu-writer-running", "liburcu-qsbr", BENCH_URCU_FLAVOURS, rcu_writer_running_qsbr)

#define RCU_WRITER_DECLARATION(bench, contender, condition, function) uint64_t function(uint64_t n);
RCU_WRITERS(RCU_WRITER_DECLARATION)

#endif /* RK_BENCH_RCU_H */
