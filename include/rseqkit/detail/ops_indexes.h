/* SPDX-License-Identifier: MIT */
/*
 * ops_indexes.h - defines the operations three times: for the current CPU's slot, for the slot of the thread's concurrency
 * id, and for the slot of a CPU that the caller names. Only ops.h and bank.h include this file, so it has no include guard.
 */
#define RK_OP_INDEX_CPU 1
#define RK_OP_INDEX_CID 2
#define RK_OP_INDEX_AT 3

#define RK_OP_INDEX RK_OP_INDEX_CPU
#include <rseqkit/detail/ops_body.h>
#undef RK_OP_INDEX

#define RK_OP_INDEX RK_OP_INDEX_CID
#include <rseqkit/detail/ops_body.h>
#undef RK_OP_INDEX

#define RK_OP_INDEX RK_OP_INDEX_AT
#include <rseqkit/detail/ops_body.h>
#undef RK_OP_INDEX

#undef RK_OP_INDEX_CPU
#undef RK_OP_INDEX_CID
#undef RK_OP_INDEX_AT
