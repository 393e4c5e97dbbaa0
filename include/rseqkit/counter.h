/* SPDX-License-Identifier: MIT */
/*
 * counter.h - a 64-bit counter: added to on the CPU one runs on, summed over all CPUs when read.
 *
 * Total: an add never fails. A thread with rseq adds in its CPU's slot by one restartable sequence; one without, or
 * one whose sequence was aborted RK_ABORTS_MAX times in a row, adds atomically to the overflow slot, which sums
 * include.
 *
 * fork: the child has its own copy of every counter, with the values of the moment of the fork.
 */
#ifndef RSEQKIT_COUNTER_H
#define RSEQKIT_COUNTER_H

#include <rseqkit/ops.h>
#include <rseqkit/percpu.h>

/* Its address is that of the item in per-CPU memory (percpu.h). */
struct rk_counter;

RKI_BEGIN_DECLS

/*
 * Creates a counter that reads 0.
 *
 * Returns 0 and the counter in *counter; -EINVAL when `counter` is NULL; -ENOMEM.
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: 0.1 us; the
 * first one in a process 50 us.
 */
RKI_API int rk_counter_create(struct rk_counter **counter);

/*
 * Destroys a counter; NULL is allowed. No thread may be using it.
 *
 * Returns 0, or -EINVAL when it is no counter (any more).
 * Context: as rk_counter_create(). Cost: 50 ns, and no memory is given back. Creating a counter in the place of a
 * destroyed one looks at every CPU's slot.
 */
RKI_API int rk_counter_destroy(struct rk_counter *counter);

/*
 * The way out of rk_counter_add(), with the outcome of the attempt it made: repeats it, and at last adds to the
 * overflow slot.
 * Context: as rk_counter_add().
 */
RKI_API void rk_counter_add_slow(struct rk_counter *counter, int64_t value, enum rk_result outcome);

/*
 * Adds `value`, which may be negative; the sum wraps at 64 bits.
 *
 * Context: any thread; signal handler, also one that interrupts an add to the same counter; after fork; not in a
 * vfork child outside rk_vfork_begin(). Cost: 0.3 ns with rseq; 5 to 20 ns without.
 */
RKI_INLINE void rk_counter_add(struct rk_counter *counter, int64_t value)
{
#if INTPTR_MAX == INT64_MAX
	enum rk_result outcome = rk_cpu_add(counter, value);
#else
	enum rk_result outcome = RK_NO_RSEQ; /* 64 bits are more than one store */
#endif

	if (RKI_UNLIKELY(outcome != RK_DONE))
		rk_counter_add_slow(counter, value, outcome);
}

/*
 * The sum since creation or the last reset. Exact if no add runs meanwhile; otherwise it contains every add that
 * happened before the call, and some of those that run.
 *
 * Context: any thread; signal handler; after fork. Cost: one load per possible CPU.
 */
RKI_API int64_t rk_counter_sum(const struct rk_counter *counter);

/*
 * Returns the sum and makes it the new zero. Adds are not disturbed: the value becomes the baseline of later sums.
 * Several threads may do so at once, and then each add is returned by exactly one of them.
 *
 * Context and cost: as rk_counter_sum().
 */
RKI_API int64_t rk_counter_reset(struct rk_counter *counter);

/*
 * What all counters of the process have in memory, and how often their adds were aborted or took the overflow slot; as
 * rk_percpu_stats() (percpu.h). -ENOMEM, too, if there is no counter yet.
 */
RKI_API int rk_counter_stats(int index, struct rk_percpu_report *stats, size_t size);

RKI_END_DECLS

#endif /* RSEQKIT_COUNTER_H */
