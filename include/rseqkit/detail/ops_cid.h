/* SPDX-License-Identifier: MIT */
/* ops_cid.h - the inline operations of ../ops_cid.h; see ops_kind.h. */
#ifndef RSEQKIT_DETAIL_OPS_CID_H
#define RSEQKIT_DETAIL_OPS_CID_H

#include <rseqkit/ops_cid.h>

RKI_BEGIN_DECLS

#define RK_OP_KIND(verb) rk_cid_##verb
#define RK_OP_INLINE RKI_INLINE_ONLY
#define RK_OP_CPU_PARAM
#define RK_OP_CHECK(before)                                                                                            \
	if (RKI_UNLIKELY(rk_area_valid < RK_FIELD_END_MM_CID)) {                                                       \
		before;                                                                                                \
		return RK_NO_RSEQ;                                                                                     \
	}                                                                                                              \
	RK_OP_CHECK_AREA(before)
#define RK_OP_INDEX_INPUTS RK_IN(base)
#define RK_OP_INDEX_SLOT(to) RK_ASM_INDEX_CID(to)
#define RK_OP_ENTER_BANK(to) RK_ASM_ENTER_CID(to, where, closed)
#define RK_OP_LEAVE RKI_LEAVE
#include <rseqkit/detail/ops_kind.h>

RKI_END_DECLS

#endif /* RSEQKIT_DETAIL_OPS_CID_H */
