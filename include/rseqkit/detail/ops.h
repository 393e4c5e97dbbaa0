/* SPDX-License-Identifier: MIT */
/* ops.h - the operations of ../ops.h, by each kind of index (ops_indexes.h, ops_body.h), and their ways out. */
#ifndef RSEQKIT_DETAIL_OPS_H
#define RSEQKIT_DETAIL_OPS_H

#include <rseqkit/ops.h>

RKI_BEGIN_DECLS

/*
 * The ways out of a section that found no valid index, shared by all operations.
 * rki_leave(): RK_ABORTED if the thread could be registered now, else RK_NO_RSEQ. rki_leave_at(): if it is registered,
 * RK_WRONG_CPU, or RK_ABORTED if it is on that CPU by now; else as rki_leave(). Context: as the operations.
 */
RKI_API enum rk_result rki_leave(void);
RKI_API enum rk_result rki_leave_at(int cpu);

/*
 * Tells the compiler what it can't know of these two: they never return RK_DONE. Else it keeps the outcome of an
 * operation that was done in a register, to test it.
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
