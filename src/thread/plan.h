/* SPDX-License-Identifier: MIT */
/*
 * plan.h - makes a plan: asks questions about each memory that threads' rseq areas could be in (a candidate), and chooses
 * one.
 *
 * The answers can differ from thread to thread: for example, one thread finds no free descriptor, or a filter refuses another
 * thread's call. All threads therefore use the plan that the first thread stored. Until a plan is stored, no thread does
 * anything that other threads can see (process.c). Such a visible step makes the rendezvous page, which tells the other copies
 * of this library about the area (rendezvous.h), or makes the kernel register threads (KTLS, ktls/ktls.h).
 */
#ifndef RK_SRC_PLAN_H
#define RK_SRC_PLAN_H

#include "process.h"
#include <rseqkit/detail/agreement.h>

/* A plan is one word. Its first members are the same as those of `area_word`, the first word of the decision (process.h). */
union rk_plan {
	uint64_t word;
	struct {
		int32_t offset;
		uint16_t length;
		uint8_t where;
		uint8_t reason : 5;
		uint8_t offers : 1;    /* tell other copies of the area, on the rendezvous page; with KTLS, first start KTLS */
		uint8_t meets : 1;     /* the rseq system call exists, so this library's copies must agree on an area */
		uint8_t has_spare : 1; /* use the libc's area if no page can be made */
	};
};

/*
 * Returns a plan with the first candidate that applies. `failed` is NULL, or an earlier plan with KTLS (ktls/ktls.h) that
 * failed because the kernel registers no threads. In that case KTLS is no candidate any more. This function takes the dynamic
 * linker's lock, so the caller must block signals.
 */
union rk_plan rk_plan_make(const union rk_plan *failed);

/* Returns the properties of the planned kind of area. */
static inline const struct rk_kind *rk_kind_planned(const union rk_plan *plan)
{
	return &rk_kinds[plan->where];
}

/* Stores in the plan the area that the rendezvous page describes. */
void rk_plan_adopt(union rk_plan *plan, const struct rk_rendezvous *page);

/* Returns the alignment of areas that the kernel announces, in bytes; 32 if it announces none. */
uint32_t rk_plan_alignment(void);

#endif /* RK_SRC_PLAN_H */
