/* SPDX-License-Identifier: MIT */
/* rcu.h - the inline functions of ../rcu.h, and the slow paths that they call. */
#ifndef RSEQKIT_DETAIL_RCU_H
#define RSEQKIT_DETAIL_RCU_H

#include <rseqkit/detail/readers.h>
#include <rseqkit/rcu.h>

RKI_BEGIN_DECLS

/* This macro compiles only if its argument is a pointer. The number 5 is pointer_type_class of gcc's typeclass.h. */
#define RKI_IS_POINTER(pointer) ((void)sizeof(char[__builtin_classify_type(pointer) == 5 ? 1 : -1]))

/*
 * The slow paths of the functions below. Each may be called in the same contexts as the function that calls it. `outcome` is
 * the result of the fast path.
 */
RKI_API struct rk_rcu_section *rki_rcu_read_lock_slow(struct rk_rcu *rcu, enum rk_result outcome);
RKI_API void rki_rcu_read_unlock_slow(struct rk_rcu *rcu, struct rk_rcu_section *section, enum rk_result outcome);

RKI_INLINE void rk_rcu_read_lock(struct rk_rcu *rcu, struct rk_rcu_section **section)
{
	void *counted;
	enum rk_result outcome = rk_gate_enter(RKI_READERS_GATE_OF(rcu), &counted);

	if (RKI_LIKELY(outcome == RK_DONE))
		*section = (struct rk_rcu_section *)counted;
	else
		*section = rki_rcu_read_lock_slow(rcu, outcome);
}

RKI_INLINE void *rk_rcu_dereference_at(void *const *address)
{
	return rk_rcu_dereference(*address);
}

RKI_INLINE void rk_rcu_publish_at(void **address, void *next)
{
	rk_rcu_publish(*address, next);
}

RKI_INLINE void *rk_rcu_exchange_at(void **address, void *next)
{
	return rk_rcu_exchange(*address, next);
}

RKI_INLINE void rk_rcu_read_unlock(struct rk_rcu *rcu, struct rk_rcu_section *section)
{
	enum rk_result outcome = RKI_READERS_LEAVE(section);

	if (RKI_UNLIKELY(outcome != RK_DONE))
		rki_rcu_read_unlock_slow(rcu, section, outcome);
}

RKI_END_DECLS

#endif /* RSEQKIT_DETAIL_RCU_H */
