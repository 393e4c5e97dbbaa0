/* SPDX-License-Identifier: MIT */
/* freelist.h - the inline functions of ../freelist.h, and the slow paths that they call. */
#ifndef RSEQKIT_DETAIL_FREELIST_H
#define RSEQKIT_DETAIL_FREELIST_H

#include <rseqkit/bank.h>
#include <rseqkit/freelist.h>

#define RKI_FREELIST_KIND RKI_BY_CPU /* the kind of index (arch/arch.h) */

RKI_BEGIN_DECLS

/*
 * The slow paths of the functions below. Each may be called in the same contexts as the function that calls it. `outcome` is
 * the result of the fast path.
 */
RKI_API void rki_freelist_push_slow(struct rk_freelist *list, struct rk_freelist_node *first,
				   struct rk_freelist_node *last, enum rk_result outcome);
RKI_API struct rk_freelist_node *rki_freelist_pop_slow(struct rk_freelist *list, enum rk_result outcome);

/* Tries once to push a node whose word `link` is to name the next node. */
static inline __attribute__((__unused__)) enum rk_result rki_freelist_push(struct rk_freelist *list, void *node, void *link)
{
	const void *base = list;

	if (RKI_NO_AREA)
		return RKI_LEAVE_BY(RKI_FREELIST_KIND);
	RKI_SECTION_PUSH(RK_ASM_EXIT(leave) RK_ASM_EXIT(closed), RKI_ASM_ENTER_BY(RKI_FREELIST_KIND, RK_ASM_C, where, closed),
			 RK_LIST(RKI_IN_INDEX(RKI_FREELIST_KIND, base), RK_IN_WORD_AS(where, (intptr_t)0)), RK_ASM_COMMIT_STORE, leave, closed);
	RK_WRITTEN(link, sizeof(intptr_t));
	return RK_DONE;
aborted:
	return RK_ABORTED;
closed:
	return RK_CLOSED;
leave:
	return RKI_LEAVE_BY(RKI_FREELIST_KIND);
}

/* Tries once to pop a node. */
static inline __attribute__((__unused__)) enum rk_result rki_freelist_pop(struct rk_freelist *list, void **node)
{
	const void *base = list;
	const intptr_t end = 0, next = 0;
	enum rk_result outcome = RK_DONE;
	intptr_t popped;

	*node = RKI_NULL;
	if (RKI_NO_AREA)
		return RKI_LEAVE_BY(RKI_FREELIST_KIND);
	RKI_SECTION_POP(RK_ASM_EXIT_VALUE(leave, RK_ASM_NO_RSEQ) RK_ASM_EXIT_VALUE(closed, RK_ASM_CLOSED),
			RKI_ASM_ENTER_BY(RKI_FREELIST_KIND, RK_ASM_HERE, where, closed),
			RK_LIST(RKI_IN_INDEX(RKI_FREELIST_KIND, base), RK_IN_WORD_AS(where, (intptr_t)0)));
	if (RKI_LIKELY(outcome == RK_DONE)) {
		*node = (void *)popped;
		return RK_DONE;
	}
	return outcome == RK_NO_RSEQ ? RKI_LEAVE_BY(RKI_FREELIST_KIND) : outcome;
}

RKI_INLINE void rk_freelist_push_chain(struct rk_freelist *list, struct rk_freelist_node *first,
				       struct rk_freelist_node *last)
{
	enum rk_result outcome = rki_freelist_push(list, first, last);

	if (RKI_UNLIKELY(outcome != RK_DONE))
		rki_freelist_push_slow(list, first, last, outcome);
}

RKI_INLINE void rk_freelist_push(struct rk_freelist *list, struct rk_freelist_node *node)
{
	enum rk_result outcome = rki_freelist_push(list, node, node);

	if (RKI_UNLIKELY(outcome != RK_DONE))
		rki_freelist_push_slow(list, node, node, outcome);
}

RKI_INLINE struct rk_freelist_node *rk_freelist_pop(struct rk_freelist *list)
{
	void *node;
	enum rk_result outcome = rki_freelist_pop(list, &node);

	if (RKI_UNLIKELY(outcome != RK_DONE))
		return rki_freelist_pop_slow(list, outcome);
	/* If the list is empty, the outcome isn't RK_DONE, so the compiler can leave out the caller's NULL test on this path. */
	if (node == RKI_NULL)
		__builtin_unreachable();
	return (struct rk_freelist_node *)node;
}

RKI_END_DECLS

#endif /* RSEQKIT_DETAIL_FREELIST_H */
