/* SPDX-License-Identifier: MIT */
/*
 * floor.h - the contender `floor`: the loads and stores of an rseq operation without its critical section. Benches compare it
 * with other ways to do the same job, the other contenders.
 *
 * The contender stores 0, which names no section, in the area's field for the descriptor. It computes the address of the slot
 * (this CPU's word) from the CPU's number. Then it does the operation's own loads and stores. There is no section, no
 * comparison of the CPU's number, and no repetition, so no operation of this kind can be faster. The results are wrong: a
 * thread that is preempted or migrates between these steps loses adds and nodes, or stores them in the slot of another CPU.
 */
#ifndef RK_BENCH_FLOOR_H
#define RK_BENCH_FLOOR_H

#include <rseqkit/ops.h>
#include "arch/arch.h"

#endif /* RK_BENCH_FLOOR_H */
