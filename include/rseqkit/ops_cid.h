/* SPDX-License-Identifier: MIT */
/*
 * ops_cid.h - the operations for the slot of the thread's concurrency id: rk_cid_VERB() and rk_cid_bank_VERB(). They aren't
 * allowed in memory that processes share. ops.h describes each operation on a slot, and bank.h describes how those on banks
 * differ.
 */
#ifndef RSEQKIT_OPS_CID_H
#define RSEQKIT_OPS_CID_H

#include <rseqkit/bank.h>
#include <rseqkit/detail/ops_cid.h>

#endif /* RSEQKIT_OPS_CID_H */
