/* SPDX-License-Identifier: MIT */
/*
 * classic.h - the contender `classic`: operations in the shape that users of rseq know. Benches compare it with other ways to do
 * the same job, the other contenders.
 *
 * An operation reads cpu_id_start, computes the address of the slot (this CPU's word) in C, and stores the descriptor's address
 * in the area, which begins the section. In the section, the operation compares cpu_id with the number that it read before, and
 * does the rest. The operations are written by hand, without the library's primitives, so they stay the same when the primitives
 * change. They have the fastest form that is known:
 *
 * - The area's offset is a constant, which the compiler hoists out of loops.
 * - The descriptor's address is an immediate, if the code model allows that.
 * - The slot's address is in one register.
 * - A constant is added by one instruction on memory, a variable by a load and a store (arch/x86_64.h explains why).
 * - A popped word is stored at the address of the caller's variable.
 * - The number of copied words is a constant, so each word has a load and a store of its own.
 */
#ifndef RK_BENCH_CLASSIC_H
#define RK_BENCH_CLASSIC_H

#include <rseqkit/ops.h>
#include "arch/arch.h"

#endif /* RK_BENCH_CLASSIC_H */
