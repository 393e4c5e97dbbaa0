/* SPDX-License-Identifier: MIT */
/* histogram.h - the inline functions of ../histogram.h, which add to the counters of a group (group.h). */
#ifndef RSEQKIT_DETAIL_HISTOGRAM_H
#define RSEQKIT_DETAIL_HISTOGRAM_H

#include <rseqkit/detail/group.h>
#include <rseqkit/histogram.h>

RKI_BEGIN_DECLS

RKI_INLINE void rk_histogram_record_many(struct rk_histogram *histogram, uint64_t value, uint64_t times)
{
	const struct rki_group_head *head =
		(const struct rki_group_head *)((uintptr_t)histogram - 2 * RK_STRIDE); /* the reserve slot */
	uint64_t held = value < head->above ? value : head->above;
	uint8_t shift = (uint8_t)(head->top - rki_histogram_zeros(head, held | head->width));
	ptrdiff_t bucket = (ptrdiff_t)(shift * head->width + (held >> shift)); /* `shift << bits` would take longer */

	rk_counter_group_add((struct rk_counter_group *)histogram, (size_t)bucket, (int64_t)times);
}

RKI_INLINE void rk_histogram_record(struct rk_histogram *histogram, uint64_t value)
{
	rk_histogram_record_many(histogram, value, 1);
}

RKI_END_DECLS

#endif /* RSEQKIT_DETAIL_HISTOGRAM_H */
