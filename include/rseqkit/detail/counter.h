/* SPDX-License-Identifier: MIT */
/* counter.h - the inline functions of ../counter.h, and the slow paths that they call. */
#ifndef RSEQKIT_DETAIL_COUNTER_H
#define RSEQKIT_DETAIL_COUNTER_H

#include <rseqkit/counter.h>
#include <rseqkit/detail/add.h>
#include <rseqkit/detail/group.h>

RKI_BEGIN_DECLS

/*
 * The slow paths of the functions below. Each may be called in the same contexts as the function that calls it. `outcome` is
 * the result of the fast path. A slow path tries a section again, and if that fails, adds to the overflow slot (percpu.h). If
 * a static counter or group doesn't exist yet, its slow path creates it.
 */
RKI_API void rki_counter_add_slow(struct rk_counter *counter, int64_t value, enum rk_result outcome);
RKI_API void rki_counter_static_add_slow(struct rk_counter_static *of, int64_t value);
RKI_API void rki_counter_group_add_slow(struct rk_counter_group *group, size_t which, int64_t value,
				       enum rk_result outcome);
RKI_API void rki_counter_group_static_add_slow(struct rk_counter_group_static *of, size_t which, int64_t value);

RKI_INLINE void rk_counter_add(struct rk_counter *counter, int64_t value)
{
#if INTPTR_MAX == INT64_MAX
	enum rk_result outcome = rki_add(counter, value);
#else
	enum rk_result outcome = RK_NO_RSEQ; /* a section commits by one store, which can't store 64 bits here */
#endif

	if (RKI_UNLIKELY(outcome != RK_DONE))
		rki_counter_add_slow(counter, value, outcome);
}

RKI_INLINE void rk_counter_static_add(struct rk_counter_static *of, int64_t value)
{
	struct rk_counter *counter = __atomic_load_n(&of->counter, __ATOMIC_ACQUIRE);

	if (RKI_UNLIKELY(counter == RKI_NULL))
		rki_counter_static_add_slow(of, value);
	else
		rk_counter_add(counter, value);
}

RKI_INLINE void rk_counter_group_add(struct rk_counter_group *group, size_t which, int64_t value)
{
	enum rk_result outcome = rki_group_add(group, which, value);

	if (RKI_UNLIKELY(outcome != RK_DONE))
		rki_counter_group_add_slow(group, which, value, outcome);
}

RKI_INLINE void rk_counter_group_static_add(struct rk_counter_group_static *of, size_t which, int64_t value)
{
	struct rk_counter_group *group = __atomic_load_n(&of->group, __ATOMIC_ACQUIRE);

	if (RKI_UNLIKELY(group == RKI_NULL))
		rki_counter_group_static_add_slow(of, which, value);
	else
		rk_counter_group_add(group, which, value);
}

RKI_END_DECLS

#endif /* RSEQKIT_DETAIL_COUNTER_H */
