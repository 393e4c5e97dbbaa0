/* SPDX-License-Identifier: MIT */
/* ref_bench.c - the objects of the bench `ref`, and the check that no reference was lost or added (ref_bench.h). */
#include "ref_bench.h"

struct bench_ref_object bench_ref_object;
struct bench_ref_atomic bench_ref_atomic = {1, 0};

void *bench_ref_floor_gate;

static void release(struct rk_ref *ref)
{
	((struct bench_ref_object *)(void *)ref)->released++;
}

int bench_ref_create(void)
{
	int r = rk_ref_init(&bench_ref_object.ref, release);

	return r == 0 ? bench_slots_create(&bench_ref_floor_gate) : r;
}

/* Kills the object, which shows whether the count was right, and makes a new count. */
bool bench_settle_ref_rseqkit(void)
{
	bool settled = bench_ref_object.released == 0 && rk_ref_kill(&bench_ref_object.ref) == 0 &&
		       bench_ref_object.released == 1;

	bench_ref_object.released = 0;
	return rk_ref_init(&bench_ref_object.ref, release) == 0 && settled;
}

bool bench_settle_ref_atomic(void)
{
	bool settled = bench_ref_atomic.count == 1 && bench_ref_atomic.released == 0;

	bench_ref_atomic.count = 1;
	bench_ref_atomic.released = 0;
	return settled;
}
