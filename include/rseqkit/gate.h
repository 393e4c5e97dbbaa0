/* SPDX-License-Identifier: MIT */
/*
 * gate.h - a shared word that says, for all CPUs at once, where they work: in which item, or in none.
 *
 *     gate                     slot of CPU 0     slot of CPU 1
 *     +------+                 +-----------+     +-----------+
 *     |   ---|---------------> | item      |     | item      |
 *     +------+                 +-----------+     +-----------+
 *       0: closed              | another   |     | another   |
 *                              +-----------+     +-----------+
 *
 * A gate is the address of slot 0 of an item of per-CPU memory (percpu.h, or laid out like it), or 0 while it is closed.
 * Operations load it in their section, and never store to it. Whoever stores another address, or 0, and then fences all
 * CPUs (rk_fence_all(), remote.h), knows that no operation works where the gate led before, and sees what they did there.
 *
 * A bank (bank.h) does that for one CPU, and leaves the others alone. Behind a gate, what happened before something else
 * stays so: loads of one word that are ordered never see it go back, on whichever CPUs they are.
 *
 * Common to both operations:
 *   Parameters: gate is the address of the word; what it names stays mapped as long as some thread may be at it.
 *   Returns: an outcome of enum rk_result; RK_CLOSED where the gate is 0, and then nothing was done.
 *   Context, cost and memory order: as ops.h says, and a load of a word that all CPUs have in their caches.
 */
#ifndef RSEQKIT_GATE_H
#define RSEQKIT_GATE_H

#include <rseqkit/ops.h>

RKI_BEGIN_DECLS

#if RK_HAVE_SECTIONS
#define RKI_GATE_LEAVE rk_not_done(rk_leave())
#else
#define RKI_GATE_LEAVE RK_NO_RSEQ
#endif

/* Adds `value`, wrapping, to the word `where` bytes into the slot of the CPU it runs on. */
RKI_INLINE enum rk_result rk_gate_add(const intptr_t *gate, ptrdiff_t where, intptr_t value)
{
	if (RKI_NO_AREA)
		return RKI_GATE_LEAVE;
	if (RK_IMMEDIATE(value) && __builtin_constant_p(where) && where == 0)
		RK_SECTION(RK_ASM_EXIT(leave) RK_ASM_EXIT(closed),
			   RK_ASM_INDEX_GATE(RK_ASM_C, closed) RK_ASM_COMMIT_ADD_IMMEDIATE(value),
			   RK_LIST(RK_IN(gate), RK_IN_WORD(value)), RK_USES_LOADED, leave, closed);
	else if (RK_IMMEDIATE(value))
		RK_SECTION(RK_ASM_EXIT(leave) RK_ASM_EXIT(closed),
			   RK_ASM_INDEX_GATE(RK_ASM_C, closed) RK_ASM_BEHIND(where) RK_ASM_COMMIT_ADD_IMMEDIATE(value),
			   RK_LIST(RK_IN(gate), RK_IN_WORD(where), RK_IN_WORD(value)), RK_USES_LOADED, leave, closed);
	else
		RK_SECTION(RK_ASM_EXIT(leave) RK_ASM_EXIT(closed),
			   RK_ASM_INDEX_GATE(RK_ASM_C, closed) RK_ASM_BEHIND(where) RK_ASM_COMMIT_ADD(value),
			   RK_LIST(RK_IN(gate), RK_IN_WORD(where), RK_IN_WORD(value)), RK_USES_LOADED, leave, closed);
	return RK_DONE;
aborted:
	return RK_ABORTED;
closed:
	return RK_CLOSED;
leave:
	return RKI_GATE_LEAVE;
}

/*
 * Adds 1 to the word that the slot begins with, of the CPU it runs on. *item becomes what the gate named: where to
 * subtract it again (rk_cpu_add(), on any CPU); NULL unless that was done.
 */
RKI_INLINE enum rk_result rk_gate_enter(const intptr_t *gate, void **item)
{
	uintptr_t token;

	*item = NULL;
	if (RKI_NO_AREA)
		return RKI_GATE_LEAVE;
	RK_SECTION_TOKEN(token, RK_ASM_EXIT_VALUE(leave, RK_ASM_NO_RSEQ) RK_ASM_EXIT_VALUE(closed, RK_ASM_CLOSED),
			 RK_ASM_INDEX_GATE_TOKEN(RK_ASM_HERE, closed) RK_ASM_COMMIT_ADD_IMMEDIATE(one),
			 RK_LIST(RK_IN(gate), RK_IN_WORD_AS(one, (intptr_t)1)), RK_USES_SLOT);
	if (RKI_LIKELY(token > RK_CLOSED)) {
		*item = (void *)token;
		return RK_DONE;
	}
	return token == RK_NO_RSEQ ? RKI_GATE_LEAVE : (enum rk_result)token;
}

#undef RKI_GATE_LEAVE

RKI_END_DECLS

#endif /* RSEQKIT_GATE_H */
