/* SPDX-License-Identifier: MIT */
/* bank.h - defines the inline operations of ../bank.h. With RK_OP_BANKS, ops_indexes.h makes operations on banks. */
#ifndef RSEQKIT_DETAIL_BANK_H
#define RSEQKIT_DETAIL_BANK_H

#include <rseqkit/bank.h>

RKI_BEGIN_DECLS

#define RK_OP_BANKS
#include <rseqkit/detail/ops_indexes.h>
#undef RK_OP_BANKS

RKI_END_DECLS

#endif /* RSEQKIT_DETAIL_BANK_H */
