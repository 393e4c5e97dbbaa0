/* SPDX-License-Identifier: MIT */
/*
 * plan.h - the plan of a thread: the candidates for the area, and the questions that choose one of them.
 *
 * The answers may differ from thread to thread: one thread has no descriptor left, a filter refuses another one. So all
 * threads take the plan of the first one, before any thread does something that others can see (process.c).
 */
#ifndef RK_SRC_PLAN_H
#define RK_SRC_PLAN_H

#include "process.h"
#include <rseqkit/detail/agreement.h>

/* A plan has the form of the decision's first word, and is one word. */
union rk_plan {
	uint64_t word;
	struct {
		int32_t offset;
		uint16_t length;
		uint8_t where;
		uint8_t reason : 5;
		uint8_t offers : 1;    /* make the page, so that other copies see this area; for KTLS begin that first */
		uint8_t meets : 1;     /* the rseq system call exists: there is something to agree on */
		uint8_t has_spare : 1; /* use the libc's area if no page can be made */
	};
};

/*
 * Returns the first candidate that applies. `failed` is NULL, or a plan whose part the kernel failed to do: then the
 * function returns the first other candidate. It takes the dynamic linker's lock, so the caller blocks signals.
 */
union rk_plan rk_plan_make(const union rk_plan *failed);

/* Takes the area that the page describes into the plan. */
void rk_plan_adopt(union rk_plan *plan, const struct rk_rendezvous *page);

/* Returns the alignment of areas that the kernel announces, in bytes; 32 if it announces none. */
uint32_t rk_plan_alignment(void);

#endif /* RK_SRC_PLAN_H */
