/* SPDX-License-Identifier: MIT */
/* ops.h - the operations of ../ops.h, for each kind of index (ops_indexes.h, ops_body.h), and their ways out. */
#ifndef RSEQKIT_DETAIL_OPS_H
#define RSEQKIT_DETAIL_OPS_H

#include <rseqkit/ops.h>

RKI_BEGIN_DECLS

/*
 * The ways out of a section that found no valid index. All operations share them.
 *
 *   rki_leave()     registers the thread if possible. Returns RK_ABORTED if the thread is registered now, otherwise RK_NO_RSEQ
 *   rki_leave_at()  in a registered thread, returns RK_ABORTED if the thread runs on `cpu` by now, otherwise RK_WRONG_CPU. In
 *                   a thread that isn't registered, does the same as rki_leave()
 *
 * Context: that of the operations.
 */
RKI_API enum rk_result rki_leave(void);
RKI_API enum rk_result rki_leave_at(int cpu);

/*
 * Tells the compiler that rki_leave() and rki_leave_at() never return RK_DONE, which the compiler can't know. Otherwise, after
 * an operation that was done, the compiler would still store the outcome in a register and test it.
 */
static inline __attribute__((__unused__)) enum rk_result rki_not_done(enum rk_result outcome)
{
	if (outcome == RK_DONE)
		__builtin_unreachable();
	return outcome;
}

#include <rseqkit/detail/ops_indexes.h>

RKI_END_DECLS

#endif /* RSEQKIT_DETAIL_OPS_H */
