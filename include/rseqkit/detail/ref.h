/* SPDX-License-Identifier: MIT */
/* ref.h - the inline functions of ../ref.h, their ways out, and what a reference count is. */
#ifndef RSEQKIT_DETAIL_REF_H
#define RSEQKIT_DETAIL_REF_H

#include <rseqkit/gate.h>
#include <rseqkit/ref.h>

struct rk_ref {
	intptr_t gate;  /* the word of CPU 0; 0: all threads use `count` */
	uintptr_t count; /* the shared count: two for each reference, and 1 until the words are added */
	void (*release)(struct rk_ref *ref);
	void *words;    /* the word of CPU 0, or NULL */
};

RKI_BEGIN_DECLS

/* The ways out of the functions below, in their contexts. `outcome` is that of the attempt that was made. */
RKI_API void rki_ref_get_slow(struct rk_ref *ref, enum rk_result outcome);
RKI_API void rki_ref_put_slow(struct rk_ref *ref, enum rk_result outcome);
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
