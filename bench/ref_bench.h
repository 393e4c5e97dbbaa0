/* SPDX-License-Identifier: MIT */
/*
 * ref_bench.h - the bench `ref`: a thread takes and gives back a reference to an object that all threads share.
 *
 * Invariant: after a slice (one measured run, bench.h) only the owner's reference is left, and the object wasn't released.
 */
#ifndef RK_BENCH_REF_H
#define RK_BENCH_REF_H

#include "bench.h"
#include "floor.h"

/* The object is alone in its cache lines. */
struct bench_ref_object {
	struct rk_ref ref;
	int released;
} __attribute__((__aligned__(128)));

struct bench_ref_atomic {
	intptr_t count;
	int released;
} __attribute__((__aligned__(128)));

extern struct bench_ref_object bench_ref_object;
extern struct bench_ref_atomic bench_ref_atomic;

int bench_ref_create(void);
bool bench_settle_ref_rseqkit(void);
bool bench_settle_ref_atomic(void);

BENCH_INLINE void ref_rseqkit(struct rk_ref *ref)
{
	rk_ref_get(ref);
	rk_ref_put(ref);
}

/*
 * The usual way: one atomic count. Taking a reference needs no memory order, because the caller already has a reference. Giving
 * a reference back needs release order, so that it comes after the caller's earlier accesses.
 */
BENCH_INLINE void ref_atomic(struct bench_ref_atomic *object)
{
	__atomic_fetch_add(&object->count, 1, __ATOMIC_RELAXED);
	if (RKI_UNLIKELY(__atomic_sub_fetch(&object->count, 1, __ATOMIC_ACQ_REL) == 0))
		object->released = 1;
}

/* The gate of the contender `floor` (rseqkit/gate.h): a word that names an item. Each add loads the gate. */
extern void *bench_ref_floor_gate;

#if BENCH_HAVE_FLOOR
BENCH_INLINE void ref_floor(void **gate)
{
	floor_add(*(void *volatile *)gate, 1);
	floor_add(*(void *volatile *)gate, -1);
}
#endif

#endif /* RK_BENCH_REF_H */
