/* SPDX-License-Identifier: MIT */
/*
 * plan.h - what a thread would decide: the candidates for the area, and all that is asked to choose one.
 *
 * The answers may differ from thread to thread: descriptors run short in one, a filter refuses another one. So all
 * threads take the plan of the first one, before a thread does anything that others can see (process.c).
 */
#ifndef RK_SRC_PLAN_H
#define RK_SRC_PLAN_H

#include "process.h"
#include <rseqkit/detail/agreement.h>

/* Of the same form as the decision; the plan is one word. */
union rk_plan {
	uint64_t word;
	struct {
		int32_t offset;
		uint16_t length;
		uint8_t where;
		uint8_t reason : 5;
		uint8_t offers : 1;    /* the page is to be made, so that other copies see this; and KTLS to be begun */
		uint8_t meets : 1;     /* the system call exists: there is something to agree on */
		uint8_t has_spare : 1; /* the libc's area will do where no page can be made */
	};
};

/*
 * The first candidate that says yes; or, if the kernel failed to do its part of a plan, the first other one. Takes
 * the dynamic linker's lock: signals are blocked meanwhile.
 */
union rk_plan rk_plan_make(const union rk_plan *failed);

/* Whose memory the page offers. */
void rk_plan_adopt(union rk_plan *plan, const struct rk_rendezvous *page);

/* As the kernel announces it, but for a kernel that announces none. */
uint32_t rk_plan_alignment(void);

#endif /* RK_SRC_PLAN_H */
