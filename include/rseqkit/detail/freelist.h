/* SPDX-License-Identifier: MIT */
/* freelist.h - the inline functions of ../freelist.h, and the slow paths that they call. */
#ifndef RSEQKIT_DETAIL_FREELIST_H
#define RSEQKIT_DETAIL_FREELIST_H

#include <rseqkit/bank.h>
#include <rseqkit/freelist.h>

RKI_BEGIN_DECLS

/*
 * The slow paths of the functions below. Each may be called in the same contexts as the function that calls it. `outcome` is
 * the result of the fast path.
 */
RKI_API void rki_freelist_push_slow(struct rk_freelist *list, struct rk_freelist_node *first,
				   struct rk_freelist_node *last, enum rk_result outcome);
RKI_API struct rk_freelist_node *rki_freelist_pop_slow(struct rk_freelist *list, enum rk_result outcome);

RKI_INLINE void rk_freelist_push_chain(struct rk_freelist *list, struct rk_freelist_node *first,
				       struct rk_freelist_node *last)
{
	enum rk_result outcome = rk_cpu_bank_push(list, 0, first, (char *)last - (char *)first);

	if (RKI_UNLIKELY(outcome != RK_DONE))
		rki_freelist_push_slow(list, first, last, outcome);
}

RKI_INLINE void rk_freelist_push(struct rk_freelist *list, struct rk_freelist_node *node)
{
	enum rk_result outcome = rk_cpu_bank_push(list, 0, node, 0);

	if (RKI_UNLIKELY(outcome != RK_DONE))
		rki_freelist_push_slow(list, node, node, outcome);
}

RKI_INLINE struct rk_freelist_node *rk_freelist_pop(struct rk_freelist *list)
{
	void *node;
	enum rk_result outcome = rk_cpu_bank_pop(list, 0, 0, 0, &node);

	if (RKI_UNLIKELY(outcome != RK_DONE))
		return rki_freelist_pop_slow(list, outcome);
	/* If the list is empty, the outcome isn't RK_DONE. So the compiler can leave out the caller's NULL test on this path. */
	if (node == NULL)
		__builtin_unreachable();
	return (struct rk_freelist_node *)node;
}

RKI_END_DECLS

#endif /* RSEQKIT_DETAIL_FREELIST_H */
