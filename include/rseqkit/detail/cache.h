/* SPDX-License-Identifier: MIT */
/* cache.h - the inline functions of ../cache.h, and the slow paths that they call. */
#ifndef RSEQKIT_DETAIL_CACHE_H
#define RSEQKIT_DETAIL_CACHE_H

#include <rseqkit/bank.h>
#include <rseqkit/cache.h>

#define RKI_CACHE_KIND RKI_BY_CPU /* the kind of index (arch/arch.h) */

RKI_BEGIN_DECLS

/*
 * The slow paths of the functions below. Each may be called in the same contexts as the function that calls it. `outcome` is
 * the result of the fast path. RK_NO_RSEQ may just mean that the thread isn't registered yet.
 */
RKI_EXPORT void *rki_cache_get_slow(struct rk_cache *cache, enum rk_result outcome);
RKI_EXPORT void rki_cache_put_slow(struct rk_cache *cache, void *object, enum rk_result outcome);

RKI_INLINE void *rk_cache_get_here(struct rk_cache *cache)
{
	const void *base = cache;
	uintptr_t token;

	if (RKI_NO_AREA)
		return RKI_NULL;
	RK_SECTION_OR_NULL(token,
			   RKI_ASM_ENTER_BY(RKI_CACHE_KIND, RK_ASM_END, where, closed) RK_ASM_LOAD
				   RK_ASM_LOAD_LAST(RK_ASM_END, outcome, empty) RK_ASM_STEP(step) RK_ASM_COMMIT_LOADED,
			   RK_LIST(RKI_IN_INDEX(RKI_CACHE_KIND, base), RK_IN_WORD_AS(where, (intptr_t)0),
				   RK_IN_WORD_AS(step, RK_ARRAY_POPPED(1))),
			   RK_USES_ARRAY);
	return (void *)token;
}

RKI_INLINE void *rk_cache_get(struct rk_cache *cache)
{
	void *object = rk_cache_get_here(cache);

	return RKI_LIKELY(object != RKI_NULL) ? object : rki_cache_get_slow(cache, RK_ABORTED);
}

RKI_INLINE void rk_cache_put(struct rk_cache *cache, void *object)
{
	const void *base = cache;

	if (RKI_NO_AREA)
		goto leave;
	RK_SECTION(RK_ASM_EXIT(leave) RK_ASM_EXIT(closed) RK_ASM_EXIT(unequal),
		   RKI_ASM_ENTER_BY(RKI_CACHE_KIND, RK_ASM_C, where, closed) RK_ASM_LOAD
			   RK_ASM_STORE_NEXT(RK_ASM_C, object, unequal) RK_ASM_STEP(step) RK_ASM_COMMIT_LOADED,
		   RK_LIST(RKI_IN_INDEX(RKI_CACHE_KIND, base), RK_IN_WORD_AS(where, (intptr_t)0), RK_IN(object),
			   RK_IN_WORD_AS(step, RK_ARRAY_PUSHED(1))),
		   RK_USES_ARRAY, leave, closed, unequal);
	return;
aborted:
	rki_cache_put_slow(cache, object, RK_ABORTED);
	return;
closed:
	rki_cache_put_slow(cache, object, RK_CLOSED);
	return;
unequal:
	rki_cache_put_slow(cache, object, RK_UNEQUAL);
	return;
leave:
	rki_cache_put_slow(cache, object, RK_NO_RSEQ);
}

RKI_END_DECLS

#endif /* RSEQKIT_DETAIL_CACHE_H */
