/* SPDX-License-Identifier: MIT */
/*
 * peaks.c - peaks (rseqkit/peak.h): their memory, records that store, and reads.
 *
 * A peak's item has a slot for each CPU, and the overflow slot, which threads without rseq use by atomic instructions. A section
 * stores a key only if its slot still has the key that was compared, which is lower. A reset takes each slot's key by an atomic
 * exchange. It needs no fence:
 *   a section that stores after the exchange    its key counts in the next result
 *   a section that stored before the exchange   the exchange returns its key
 *   a record that stores nothing                it loaded a key that isn't lower, before the exchange. The exchange returns that
 *                                               key or a higher one
 * The invariant: between two resets, a key in a slot only grows.
 */
#include <rseqkit/peak.h>

#include <errno.h>
#include <rseqkit/ops_at.h>
#include "first_use.h"
#include "here.h"
#include "os/cpus.h"
#include "sync/pool.h"

_Static_assert(sizeof(struct rki_peak_slot) == 16, "peak.h names this size");

static struct rk_percpu *peak_pool;

static uint64_t *key_at(const struct rk_peak *peak, int index, int which)
{
	return &((struct rki_peak_slot *)rk_percpu_slot(peak, index))->keys[which];
}

int rk_peak_create(struct rk_peak **peak)
{
	static const struct rk_percpu_options options = {.item_size = sizeof(struct rki_peak_slot)};
	struct rk_percpu *from;
	void *item;
	int r;

	if (peak == NULL)
		return -EINVAL;
	r = rk_pool_get(&peak_pool, &options, &from);
	if (r == 0)
		r = rk_percpu_alloc_for(from, &item, __builtin_return_address(0));
	*peak = r == 0 ? (struct rk_peak *)item : NULL;
	return r;
}

int rk_peak_destroy(struct rk_peak *peak)
{
	struct rk_percpu *from = __atomic_load_n(&peak_pool, __ATOMIC_ACQUIRE);

	if (peak == NULL)
		return 0;
	return from == NULL ? -EINVAL : rk_percpu_free_for(from, peak, __builtin_return_address(0));
}

static void raise_atomically(uint64_t *at, uint64_t key)
{
	uint64_t old = __atomic_load_n(at, __ATOMIC_RELAXED);

	while (old < key && !__atomic_compare_exchange_n(at, &old, key, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

void rki_peak_record_slow(struct rk_peak *peak, int which, uint64_t key)
{
#if INTPTR_MAX == INT64_MAX
	for (int tries = 0; tries < RK_ABORTS_MAX; tries++) {
		enum rk_result outcome;
		int cpu = rk_here_by_rseq();
		uint64_t old;

		if (cpu < 0)
			break;
		old = __atomic_load_n(key_at(peak, cpu, which), __ATOMIC_RELAXED);
		if (old >= key)
			return;
		outcome = rk_at_store_if_equal((char *)peak + which * (int)sizeof(key), (intptr_t)old, (intptr_t)key, cpu);
		if (outcome == RK_DONE)
			return;
		if (outcome == RK_NO_RSEQ)
			break;
	}
#endif
	raise_atomically(key_at(peak, RK_INDEX_OVERFLOW, which), key);
}

static int64_t value_of(uint64_t key, int which)
{
	int64_t value = (int64_t)(key ^ (uint64_t)1 << 63);

	return which == RKI_PEAK_MAX ? value : ~value;
}

static int get(const struct rk_peak *peak, int which, bool reset, int64_t *value)
{
	uint64_t highest = 0;

	if (peak == NULL || value == NULL)
		return -EINVAL;
	/* The loop includes the gaps between CPU numbers: the list of CPUs can be wrong. */
	for (int index = RK_INDEX_OVERFLOW; index <= rk_cpus_get()->highest; index++) {
		uint64_t *at = key_at(peak, index, which), key = __atomic_load_n(at, __ATOMIC_RELAXED);

		if (reset && key != 0) /* slots that were never used stay unwritten */
			key = __atomic_exchange_n(at, 0, __ATOMIC_RELAXED);
		if (key > highest)
			highest = key;
	}
	if (highest == 0)
		return -ENODATA;
	*value = value_of(highest, which);
	return 0;
}

int rk_peak_max(const struct rk_peak *peak, int64_t *value)
{
	return get(peak, RKI_PEAK_MAX, false, value);
}

int rk_peak_min(const struct rk_peak *peak, int64_t *value)
{
	return get(peak, RKI_PEAK_MIN, false, value);
}

int rk_peak_max_reset(struct rk_peak *peak, int64_t *value)
{
	return get(peak, RKI_PEAK_MAX, true, value);
}

int rk_peak_min_reset(struct rk_peak *peak, int64_t *value)
{
	return get(peak, RKI_PEAK_MIN, true, value);
}

/* Static peaks. The invariant: each key is in `early` or in the peak, or a thread is moving it to the peak. */

static void move_early(struct rk_peak_static *of, struct rk_peak *peak)
{
	for (int which = RKI_PEAK_MAX; which <= RKI_PEAK_MIN; which++) {
		uint64_t early = __atomic_exchange_n(&of->early[which], 0, __ATOMIC_SEQ_CST);

		if (early != 0)
			rki_peak_record_slow(peak, which, early);
	}
}

struct rk_peak *rk_peak_static_get(struct rk_peak_static *of)
{
	struct rk_peak *there = __atomic_load_n(&of->peak, __ATOMIC_ACQUIRE), *made;

	if (there != NULL || rk_peak_create(&made) < 0)
		return there;
	if (!__atomic_compare_exchange_n(&of->peak, &there, made, 0, __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE)) {
		(void)rk_peak_destroy(made); /* another thread was faster */
		return there;
	}
	move_early(of, made);
	return made;
}

int rk_peak_static_destroy(struct rk_peak_static *of)
{
	struct rk_peak *peak;

	if (of == NULL)
		return -EINVAL;
	peak = __atomic_exchange_n(&of->peak, NULL, __ATOMIC_ACQ_REL);
	for (int which = RKI_PEAK_MAX; which <= RKI_PEAK_MIN; which++)
		__atomic_store_n(&of->early[which], 0, __ATOMIC_RELAXED);
	return rk_peak_destroy(peak);
}

void rki_peak_static_record_slow(struct rk_peak_static *of, int which, uint64_t key)
{
	struct rk_peak *peak = __atomic_load_n(&of->peak, __ATOMIC_ACQUIRE);
	uint64_t old = 0;

	if (peak == NULL && rk_first_use_tries()) {
		peak = rk_peak_static_get(of);
		rk_first_use_tried(peak != NULL);
	}
	if (peak != NULL) {
		rki_peak_record_slow(peak, which, key);
		return;
	}
	while (old < key && !__atomic_compare_exchange_n(&of->early[which], &old, key, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		;
	peak = __atomic_load_n(&of->peak, __ATOMIC_SEQ_CST);
	if (peak != NULL)
		move_early(of, peak);
}
