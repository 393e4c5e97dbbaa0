/* SPDX-License-Identifier: MIT */
/* ops.h - the operations of ../ops.h, for each kind of index (ops_indexes.h, ops_body.h), and their ways out. */
#ifndef RSEQKIT_DETAIL_OPS_H
#define RSEQKIT_DETAIL_OPS_H

#include <rseqkit/ops.h>

RKI_BEGIN_DECLS

/*
 * The ways out of a section that found no valid index. All operations share them.
 *
 *   rki_leave()     registers the thread if it can: RK_ABORTED if the thread is registered now, otherwise RK_NO_RSEQ
 *   rki_leave_at()  in a registered thread: RK_ABORTED if it runs on that CPU by now, otherwise RK_WRONG_CPU. In a thread that
 *                   isn't registered: as rki_leave()
 *
 * Context: as the operations.
 */
RKI_API enum rk_result rki_leave(void);
RKI_API enum rk_result rki_leave_at(int cpu);

/*
 * Tells the compiler that these two never return RK_DONE, which it can't know. Otherwise it keeps the outcome of an operation
 * that was done in a register, and tests it.
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
