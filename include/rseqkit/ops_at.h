/* SPDX-License-Identifier: MIT */
/*
 * ops_at.h - the operations for the slot of a CPU that the caller names: rk_at_VERB() and rk_at_bank_VERB(). They are done
 * only if they run on that CPU. ops.h describes each operation on a slot, and bank.h describes how those on banks differ.
 */
#ifndef RSEQKIT_OPS_AT_H
#define RSEQKIT_OPS_AT_H

#include <rseqkit/bank.h>
#include <rseqkit/detail/ops_at.h>

#endif /* RSEQKIT_OPS_AT_H */
