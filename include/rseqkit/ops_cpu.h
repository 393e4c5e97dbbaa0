/* SPDX-License-Identifier: MIT */
/*
 * ops_cpu.h - the operations for the slot of the CPU that the operation runs on: rk_cpu_VERB() and rk_cpu_bank_VERB(). ops.h
 * describes each operation on a slot, and bank.h describes how those on banks differ.
 */
#ifndef RSEQKIT_OPS_CPU_H
#define RSEQKIT_OPS_CPU_H

#include <rseqkit/bank.h>
#include <rseqkit/detail/ops_cpu.h>

#endif /* RSEQKIT_OPS_CPU_H */
