/* SPDX-License-Identifier: MIT */
/* ref.h - the inline functions of ../ref.h, the slow paths that they call, and the structure of a reference count. */
#ifndef RSEQKIT_DETAIL_REF_H
#define RSEQKIT_DETAIL_REF_H

#include <rseqkit/gate.h>
#include <rseqkit/ref.h>

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

RKI_INLINE void rk_ref_get(struct rk_ref *ref)
{
	enum rk_result outcome = rk_gate_add(&ref->gate, 0, 1);

	if (RKI_UNLIKELY(outcome != RK_DONE))
		rki_ref_get_slow(ref, outcome);
}

RKI_INLINE void rk_ref_put(struct rk_ref *ref)
{
	enum rk_result outcome = rk_gate_add(&ref->gate, 0, -1);

	if (RKI_UNLIKELY(outcome != RK_DONE))
		rki_ref_put_slow(ref, outcome);
}

RKI_INLINE int rk_ref_get_try(struct rk_ref *ref)
{
	enum rk_result outcome = rk_gate_add(&ref->gate, 0, 1);

	return RKI_LIKELY(outcome == RK_DONE) ? 0 : rki_ref_get_try_slow(ref, outcome, 0);
}

RKI_INLINE int rk_ref_get_live_try(struct rk_ref *ref)
{
	enum rk_result outcome = rk_gate_add(&ref->gate, 0, 1);

	return RKI_LIKELY(outcome == RK_DONE) ? 0 : rki_ref_get_try_slow(ref, outcome, 1);
}

RKI_END_DECLS

#endif /* RSEQKIT_DETAIL_REF_H */
