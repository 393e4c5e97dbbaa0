/* SPDX-License-Identifier: MIT */
/* ops_cpu.h - the inline operations of ../ops_cpu.h; see ops_kind.h. */
#ifndef RSEQKIT_DETAIL_OPS_CPU_H
#define RSEQKIT_DETAIL_OPS_CPU_H

#include <rseqkit/ops_cpu.h>

RKI_BEGIN_DECLS

#define RK_OP_INDEX RKI_BY_CPU
#define RK_OP_KIND(verb) rk_cpu_##verb
#define RK_OP_INLINE RKI_INLINE
#define RK_OP_CPU_PARAM
#define RK_OP_CHECK(before) RK_OP_CHECK_AREA(before)
#define RK_OP_LEAVE RKI_LEAVE_BY(RKI_BY_CPU)
#include <rseqkit/detail/ops_kind.h>

RKI_END_DECLS

#endif /* RSEQKIT_DETAIL_OPS_CPU_H */
