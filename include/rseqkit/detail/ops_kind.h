/* SPDX-License-Identifier: MIT */
/*
 * ops_kind.h - defines the operations for one kind of index: on slots, and on banks (../bank.h). The slot's word then names a
 * bank, and operations work on a word of the bank. ops_cpu.h, ops_cid.h and ops_at.h include this file, so it has no include
 * guard. They say what the kind of index is:
 *
 *   RK_OP_INDEX           the kind, for the primitives (arch/arch.h)
 *   RK_OP_KIND(verb)      the name of the operation
 *   RK_OP_INLINE          how it is declared
 *   RK_OP_CPU_PARAM       its last parameter, with a comma, or nothing
 *   RK_OP_CHECK(before)   the checks before a section. If a check fails, the macro runs `before`, and then returns the outcome
 *   RK_OP_LEAVE           the outcome if the section found no valid index
 *
 * This file undefines them.
 */

/* A check of each kind: the process has areas. */
#define RK_OP_CHECK_AREA(before)                                                                                       \
	if (RKI_NO_AREA) {                                                                                             \
		before;                                                                                                \
		return RK_OP_LEAVE;                                                                                    \
	}

#define RK_OP(verb) RK_OP_KIND(verb)
#define RK_OP_PARAMS(slots, ...) (slots, __VA_ARGS__ RK_OP_CPU_PARAM)
#define RK_OP_INPUTS RKI_IN_INDEX(RK_OP_INDEX, base)
#define RK_OP_SLOT(to) RKI_ASM_INDEX(RK_OP_INDEX, to)
#define RK_OP_EXITS RK_ASM_EXIT(leave)
#define RK_OP_EXITS_VALUE RK_ASM_EXIT_VALUE(leave, RK_ASM_NO_RSEQ)
#define RK_OP_LABELS leave
#define RK_OP_WAY_CLOSED
#include <rseqkit/detail/ops_body.h>

#define RK_OP(verb) RK_OP_KIND(bank_##verb)
#define RK_OP_PARAMS(slots, ...) (slots, ptrdiff_t where, __VA_ARGS__ RK_OP_CPU_PARAM)
#define RK_OP_INPUTS RKI_IN_INDEX(RK_OP_INDEX, base), RK_IN_WORD_AS(where, where)
#define RK_OP_SLOT(to) RKI_ASM_ENTER_BY(RK_OP_INDEX, to, where, closed)
#define RK_OP_EXITS RK_ASM_EXIT(leave) RK_ASM_EXIT(closed)
#define RK_OP_EXITS_VALUE RK_ASM_EXIT_VALUE(leave, RK_ASM_NO_RSEQ) RK_ASM_EXIT_VALUE(closed, RK_ASM_CLOSED)
#define RK_OP_LABELS leave, closed
#define RK_OP_WAY_CLOSED                                                                                               \
	closed:                                                                                                        \
	return RK_CLOSED;
#include <rseqkit/detail/ops_body.h>

#undef RK_OP_CHECK_AREA
#undef RK_OP_KIND
#undef RK_OP_INLINE
#undef RK_OP_CPU_PARAM
#undef RK_OP_CHECK
#undef RK_OP_INDEX
#undef RK_OP_LEAVE
