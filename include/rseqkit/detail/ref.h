/* SPDX-License-Identifier: MIT */
/* ref.h - the inline functions of ../ref.h, the slow paths that they call, and the structure of a reference count. */
#ifndef RSEQKIT_DETAIL_REF_H
#define RSEQKIT_DETAIL_REF_H

#include <rseqkit/ref.h>
#include <rseqkit/slot.h>

struct rk_ref {
	intptr_t gate;   /* as in gate.h: the address of CPU 0's word; if `gate` is 0, all threads use `count` */
	uintptr_t count; /* the shared count: 2 for each reference, plus 1 until rk_ref_kill() has added the CPUs' words */
	void (*release)(struct rk_ref *ref);
	void *words;    /* the address of CPU 0's word, or NULL */
};

RKI_BEGIN_DECLS

/*
 * The slow paths of the functions below. Each may be called in the same contexts as the function that calls it. `outcome` is
 * the result of the fast path.
 */
RKI_API void rki_ref_get_slow(struct rk_ref *ref, enum rk_result outcome);
RKI_EXPORT void rki_ref_put_slow(struct rk_ref *ref, enum rk_result outcome);
RKI_API int rki_ref_get_try_slow(struct rk_ref *ref, enum rk_result outcome, int live);

/*
 * Tries once to add `value` to the CPU's word. It is rk_gate_add() for a word at offset 0, and a constant `value`. It is here so
 * that a program doesn't read the other sections of gate.h.
 */
static inline __attribute__((__unused__, __always_inline__)) enum rk_result rki_ref_add(const intptr_t *gate, intptr_t value)
{
	if (RKI_NO_AREA)
		return RKI_LEAVE;
	RK_SECTION(RK_ASM_EXIT(leave) RK_ASM_EXIT(closed),
		   RK_ASM_INDEX_GATE(RK_ASM_C, closed) RK_ASM_COMMIT_ADD_IMMEDIATE(value),
		   RK_LIST(RK_IN(gate), RK_IN_WORD(value)), RK_LIST(RK_USES_LOADED), leave, closed);
	return RK_DONE;
aborted:
	return RK_ABORTED;
closed:
	return RK_CLOSED;
leave:
	return RKI_LEAVE;
}

RKI_INLINE void rk_ref_get(struct rk_ref *ref)
{
	enum rk_result outcome = rki_ref_add(&ref->gate, 1);

	if (RKI_UNLIKELY(outcome != RK_DONE))
		rki_ref_get_slow(ref, outcome);
}

RKI_INLINE void rk_ref_put(struct rk_ref *ref)
{
	enum rk_result outcome = rki_ref_add(&ref->gate, -1);

	if (RKI_UNLIKELY(outcome != RK_DONE))
		rki_ref_put_slow(ref, outcome);
}

RKI_INLINE int rk_ref_get_try(struct rk_ref *ref)
{
	enum rk_result outcome = rki_ref_add(&ref->gate, 1);

	return RKI_LIKELY(outcome == RK_DONE) ? 0 : rki_ref_get_try_slow(ref, outcome, 0);
}

RKI_INLINE int rk_ref_get_live_try(struct rk_ref *ref)
{
	enum rk_result outcome = rki_ref_add(&ref->gate, 1);

	return RKI_LIKELY(outcome == RK_DONE) ? 0 : rki_ref_get_try_slow(ref, outcome, 1);
}

RKI_END_DECLS

#endif /* RSEQKIT_DETAIL_REF_H */
