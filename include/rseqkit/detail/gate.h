/* SPDX-License-Identifier: MIT */
/* gate.h - the inline operations of ../gate.h. */
#ifndef RSEQKIT_DETAIL_GATE_H
#define RSEQKIT_DETAIL_GATE_H

#include <rseqkit/gate.h>

RKI_BEGIN_DECLS

/* The section that adds `value` to the word that is `where` bytes after the start of the slot that `index` finds. */
#define RKI_GATE_ADD(kind, exits, index, ...)                                                                          \
	RKI_SECTION_ADD(exits, index RK_ASM_FURTHER(where), RK_LIST(RKI_IN_INDEX(kind, gate), RK_IN_WORD(where)),       \
			RK_USES_LOADED, __VA_ARGS__)

RKI_INLINE enum rk_result rk_gate_add(const intptr_t *gate, ptrdiff_t where, intptr_t value)
{
	if (RKI_NO_AREA)
		return RKI_LEAVE;
	RKI_GATE_ADD(RKI_BY_CPU, RK_ASM_EXIT(leave) RK_ASM_EXIT(closed), RK_ASM_INDEX_GATE(RK_ASM_C, closed), leave, closed);
	return RK_DONE;
aborted:
	return RK_ABORTED;
closed:
	return RK_CLOSED;
leave:
	return RKI_LEAVE;
}

RKI_INLINE enum rk_result rk_gate_enter(const intptr_t *gate, void **item)
{
	uintptr_t token;

	*item = RKI_NULL;
	if (RKI_NO_AREA)
		return RKI_LEAVE;
	RK_SECTION_TOKEN(token, RK_ASM_EXIT_VALUE(leave, RK_ASM_NO_RSEQ),
			 RK_ASM_INDEX_GATE_TOKEN(RK_ASM_HERE) RK_ASM_COMMIT_ADD_IMMEDIATE(one),
			 RK_LIST(RK_IN(gate), RK_IN_WORD_AS(one, (intptr_t)1)), RK_USES_SLOT);
	if (RKI_LIKELY(token > RK_CLOSED)) {
		*item = (void *)token;
		return RK_DONE;
	}
	if (token == 0)
		return RK_CLOSED;
	return token == RK_NO_RSEQ ? RKI_LEAVE : (enum rk_result)token;
}

RKI_END_DECLS

#endif /* RSEQKIT_DETAIL_GATE_H */
