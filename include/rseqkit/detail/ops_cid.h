/* SPDX-License-Identifier: MIT */
/* ops_cid.h - the inline operations of ../ops_cid.h; see ops_kind.h. */
#ifndef RSEQKIT_DETAIL_OPS_CID_H
#define RSEQKIT_DETAIL_OPS_CID_H

#include <rseqkit/ops_cid.h>

RKI_BEGIN_DECLS

#define RK_OP_INDEX RKI_BY_CID
#define RK_OP_KIND(verb) rk_cid_##verb
#define RK_OP_INLINE RKI_INLINE_ONLY
#define RK_OP_CPU_PARAM
#define RK_OP_CHECK(before) RK_OP_CHECK_AREA(before)
#define RK_OP_LEAVE RKI_LEAVE_BY(RKI_BY_CID)
#include <rseqkit/detail/ops_kind.h>

RKI_END_DECLS

#endif /* RSEQKIT_DETAIL_OPS_CID_H */
