/* SPDX-License-Identifier: MIT */
/* ops_at.h - the inline operations of ../ops_at.h; see ops_kind.h. */
#ifndef RSEQKIT_DETAIL_OPS_AT_H
#define RSEQKIT_DETAIL_OPS_AT_H

#include <rseqkit/ops_at.h>

RKI_BEGIN_DECLS

#define RK_OP_INDEX RKI_BY_AT
#define RK_OP_KIND(verb) rk_at_##verb
#define RK_OP_INLINE RKI_INLINE_ONLY
#define RK_OP_CPU_PARAM , int cpu
/* The cpu_id of an unregistered thread is negative, and would be equal to a negative `cpu`. */
#define RK_OP_CHECK(before)                                                                                            \
	if (RKI_UNLIKELY(cpu < 0)) {                                                                                   \
		before;                                                                                                \
		return RK_WRONG_CPU;                                                                                   \
	}                                                                                                              \
	RK_OP_CHECK_AREA(before)
#define RK_OP_LEAVE RKI_LEAVE_AT(cpu)
#include <rseqkit/detail/ops_kind.h>

RKI_END_DECLS

#endif /* RSEQKIT_DETAIL_OPS_AT_H */
