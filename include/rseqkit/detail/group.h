/* SPDX-License-Identifier: MIT */
/*
 * group.h - the add of counter groups and histograms (counter.h, histogram.h). Nobody includes this by hand.
 *
 * A group has every counter twice in each slot, in two planes. One word of the group, `plane`, names the plane that adds
 * go to. The section of an add loads it, so one store moves the adds of all CPUs to the other plane.
 *
 *   reserve slot (index -2)         overflow slot, and the slot of each CPU
 *   +--------------+-----------+    +--------+-----------------+-----------------+
 *   | group_head   | baselines |    | unused | plane 0         | plane 1         |
 *   | plane --+    |           |    |        |                 |                 |
 *   +---------|----+-----------+    +--------+-----------------+-----------------+
 *             +-- its address in slot 0 ------> or ------------>
 *
 * The word isn't per CPU, so the section is one of ops.h whose "slot" is that word for every CPU: the CPU is known
 * before the section, which fails on another one.
 */
#ifndef RSEQKIT_DETAIL_GROUP_H
#define RSEQKIT_DETAIL_GROUP_H

#include <rseqkit/bank.h>
#include <rseqkit/percpu.h>

/* Bytes at the beginning of every slot: the head in the reserve slot, unused in the others. */
#define RKI_GROUP_HEAD 64

struct rki_group_head {
	intptr_t plane;           /* the address in slot 0 of the plane in use */
	uint64_t turns;           /* odd while a reader turns from one plane to the other */
	uint64_t late;            /* overflow adds that took longer than a turn */
	struct rk_claim claim;    /* of readers */
	uint32_t count;           /* counters */
	uint8_t unfenced;         /* is the plane that isn't in use perhaps being added to? */
	uint8_t baseline;         /* which of the two sums are taken against */
	uint8_t bits;             /* of histograms: significant bits of a value */
	uint8_t reserved;
	const char *const *names; /* of counters, or NULL */
	uint64_t highest;         /* of histograms: the highest value that has a bucket */
};

RKI_BEGIN_DECLS

/* Adds to a counter of a group by a section, once. */
static inline __attribute__((__unused__)) enum rk_result rki_group_add(void *group, size_t which, int64_t value)
{
#if INTPTR_MAX == INT64_MAX && RK_HAVE_SECTIONS
	uint32_t cpu = 0;
	uintptr_t slot;

	if (RKI_NO_AREA)
		return rk_not_done(rk_leave());
	RKI_AREA_READ(cpu, 4);
	if (RKI_UNLIKELY((int32_t)cpu < 0))
		return rk_not_done(rk_leave());
	slot = (uintptr_t)cpu << RK_STRIDE_SHIFT;
	return rk_at_add_through((void *)((uintptr_t)group - 2 * RK_STRIDE - slot),
				 (ptrdiff_t)(slot + which * sizeof(int64_t)), value, (int)cpu);
#else
	(void)group, (void)which, (void)value;
	return RK_NO_RSEQ; /* no sections, or 64 bits are more than one store */
#endif
}

RKI_END_DECLS

#endif /* RSEQKIT_DETAIL_GROUP_H */
