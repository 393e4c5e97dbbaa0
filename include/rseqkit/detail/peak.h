/* SPDX-License-Identifier: MIT */
/* peak.h - the inline functions of ../peak.h, and the slow paths that they call. */
#ifndef RSEQKIT_DETAIL_PEAK_H
#define RSEQKIT_DETAIL_PEAK_H

#include <rseqkit/peak.h>

/*
 * A slot of a peak. Both words are keys: unsigned numbers that only grow until a reset. 0 means no value. The key of the maximum
 * orders values as they are, and the key of the minimum in reverse, so both words have one code.
 */
struct rki_peak_slot {
	uint64_t keys[2]; /* RKI_PEAK_MAX, RKI_PEAK_MIN */
};

#define RKI_PEAK_MAX 0
#define RKI_PEAK_MIN 1

/* Returns the key of a value for the maximum. A minimum's key is the key of ~value. */
#define RKI_PEAK_KEY(value) (((uint64_t)(value) ^ (uint64_t)1 << 63) + ((value) == INT64_MIN))

RKI_BEGIN_DECLS

/*
 * The slow paths of the functions below. Each may be called in the same contexts as the function that calls it. `which` is
 * RKI_PEAK_MAX or RKI_PEAK_MIN.
 */
RKI_API void rki_peak_record_slow(struct rk_peak *peak, int which, uint64_t key);
RKI_API void rki_peak_static_record_slow(struct rk_peak_static *of, int which, uint64_t key);

/*
 * A read takes the highest key of all CPUs. If the slot of the CPU that the thread runs on, or just ran on, already has this key
 * or a higher one, the record therefore has nothing to store.
 */
static inline __attribute__((__unused__)) void rki_peak_record(struct rk_peak *peak, int which, uint64_t key)
{
#if INTPTR_MAX == INT64_MAX /* else all keys are in the overflow slot, because a section can't store 64 bits */
	if (!RKI_NO_AREA) {
		uint32_t cpu;

		RKI_AREA_READ(cpu, 4);
		if (RKI_LIKELY((int32_t)cpu >= 0)) {
			const struct rki_peak_slot *slot = (const struct rki_peak_slot *)rk_percpu_slot(peak, (int)cpu);

			if (RKI_LIKELY(__atomic_load_n(&slot->keys[which], __ATOMIC_RELAXED) >= key))
				return;
		}
	}
#endif
	rki_peak_record_slow(peak, which, key);
}

RKI_INLINE void rk_peak_record_max(struct rk_peak *peak, int64_t value)
{
	rki_peak_record(peak, RKI_PEAK_MAX, RKI_PEAK_KEY(value));
}

RKI_INLINE void rk_peak_record_min(struct rk_peak *peak, int64_t value)
{
	rki_peak_record(peak, RKI_PEAK_MIN, RKI_PEAK_KEY(~value));
}

static inline __attribute__((__unused__)) void rki_peak_static_record(struct rk_peak_static *of, int which, uint64_t key)
{
	struct rk_peak *peak = __atomic_load_n(&of->peak, __ATOMIC_ACQUIRE);

	if (RKI_UNLIKELY(peak == RKI_NULL))
		rki_peak_static_record_slow(of, which, key);
	else
		rki_peak_record(peak, which, key);
}

RKI_INLINE void rk_peak_static_record_max(struct rk_peak_static *of, int64_t value)
{
	rki_peak_static_record(of, RKI_PEAK_MAX, RKI_PEAK_KEY(value));
}

RKI_INLINE void rk_peak_static_record_min(struct rk_peak_static *of, int64_t value)
{
	rki_peak_static_record(of, RKI_PEAK_MIN, RKI_PEAK_KEY(~value));
}

RKI_END_DECLS

#endif /* RSEQKIT_DETAIL_PEAK_H */
