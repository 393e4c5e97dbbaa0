/* SPDX-License-Identifier: MIT */
/*
 * group.h - how groups of counters and histograms (../counter.h, ../histogram.h) are laid out, and how threads add to them.
 * Programs don't include this header directly.
 *
 * A group has each counter twice in every slot: in two sets of words, called planes. One word of the group, `plane`, names the
 * plane that adds go to. The section of an add loads this word, so one store redirects the adds of all CPUs to the other plane.
 *
 *   reserve slot (index -2)         overflow slot, and the slot of each CPU
 *   +--------------+-----------+    +--------+-----------------+-----------------+
 *   | group_head   | baselines |    | unused | plane 0         | plane 1         |
 *   | plane --+    |           |    |        |                 |                 |
 *   +---------|----+-----------+    +--------+-----------------+-----------------+
 *             +-- its address in slot 0 ------> or ------------>
 *
 * The word `plane` is a gate (gate.h) that is never closed.
 */
#ifndef RSEQKIT_DETAIL_GROUP_H
#define RSEQKIT_DETAIL_GROUP_H

#include <rseqkit/bank.h>
#include <rseqkit/gate.h>
#include <rseqkit/percpu.h>

/*
 * The number of bytes that precede the planes at the beginning of every slot. In the reserve slot these bytes hold struct
 * rki_group_head; in other slots they are unused.
 */
#define RKI_GROUP_HEAD 64

struct rki_group_head {
	intptr_t plane;           /* the address in slot 0 of the plane that adds go to */
	uint64_t turns;           /* odd while a reader switches from one plane to the other */
	uint64_t late;            /* number of adds that took longer than such a switch; only adds without a section can */
	struct rk_claim claim;    /* held by the thread that reads the group */
	uint32_t count;           /* number of counters */
	uint8_t unfenced;         /* 1: sections can still add to the plane that isn't named by `plane` */
	uint8_t baseline;         /* which of the two baselines is in use */
	uint8_t top;              /* of histograms: 63 minus `bits` of rk_histogram_create() */
	uint8_t lzcnt;            /* of histograms, on x86-64: 1 if the processor has lzcnt */
	__extension__ union {
		const char *const *names; /* of counters, or NULL */
		uint64_t width;           /* of histograms: 1 << bits */
	};
	uint64_t above;           /* of histograms: the lowest value above all buckets; UINT64_MAX: none.
				     Larger values count as this value */
};

#define RKI_GROUP_KIND RKI_BY_CPU /* the kind of index (arch/arch.h) */

RKI_BEGIN_DECLS

/*
 * Tries once to add to a counter of a group, by a section. The word `plane`, which is a gate (gate.h), is never 0, so the
 * section doesn't test it.
 */
static inline __attribute__((__unused__)) enum rk_result rki_group_add(void *group, size_t which, int64_t value)
{
#if RK_HAVE_SECTIONS && INTPTR_MAX == INT64_MAX
	const intptr_t *gate = (const intptr_t *)rk_percpu_slot(group, RK_INDEX_RESERVE);
	ptrdiff_t where = (ptrdiff_t)(which * sizeof(int64_t));

	if (RKI_NO_AREA)
		return RKI_LEAVE_BY(RKI_GROUP_KIND);
	RKI_GATE_ADD(RKI_GROUP_KIND, RK_ASM_EXIT(leave), RKI_ASM_INDEX_OPEN_GATE(RKI_GROUP_KIND, RK_ASM_C), leave);
	return RK_DONE;
aborted:
	return RK_ABORTED;
leave:
	return RKI_LEAVE_BY(RKI_GROUP_KIND);
#else
	(void)group, (void)which, (void)value;
	return RK_NO_RSEQ; /* this machine has no sections, or its sections can't commit 64 bits by one store */
#endif
}

/*
 * Returns how many zeros come before the highest 1 in a word that isn't 0. x86-64 has two instructions for this, lzcnt and
 * bsr. AMD's processors have had lzcnt since 2007. Until Zen 4, their bsr takes eight times as long. The library asks CPUID
 * for lzcnt when a histogram is created, and the answer decides which instruction is used. The library doesn't execute lzcnt as
 * a test: a processor without lzcnt executes lzcnt's bytes as bsr, which has another result. A virtual machine can be moved
 * from a processor with lzcnt to a processor without it. A machine that can be moved like this hides lzcnt from CPUID, but the
 * test would still find lzcnt.
 */
static inline __attribute__((__unused__)) unsigned rki_histogram_zeros(const struct rki_group_head *head, uint64_t word)
{
#ifdef RKI_LZCNT
	uint64_t zeros;

	if (RKI_LIKELY(head->lzcnt)) {
		RKI_LZCNT(zeros, word);
		return (unsigned)zeros;
	}
#endif
	(void)head;
	return (unsigned)__builtin_clzll(word);
}

RKI_END_DECLS

#endif /* RSEQKIT_DETAIL_GROUP_H */
