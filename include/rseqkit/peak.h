/* SPDX-License-Identifier: MIT */
/*
 * peak.h - peaks: the highest and the lowest value that threads recorded; and levels: a value that goes up and down, with its
 * peak.
 *
 * Above all: destroy a peak or level only when no thread can use it any more. The library doesn't detect later records.
 *
 *	struct rk_peak *longest;       // the most bytes of one request
 *	int64_t bytes;
 *
 *	rk_peak_create(&longest);
 *	rk_peak_record_max(longest, size);                             // in any thread
 *	if (rk_peak_max_reset(longest, &bytes) == 0) ...               // the maximum since the last reset
 *
 * A peak has a maximum and a minimum for each CPU. A record compares the value with those of its CPU, and stores only if the
 * value is a new maximum or minimum there. Most records therefore store nothing, and begin no critical section. A read looks at
 * all CPUs. No call of this header makes a system call, except those that create, destroy, and register a thread at its first
 * operation. In particular none makes a fence.
 *
 * A level is for values such as the number of open connections: a thread on one CPU increases the level, and a thread on
 * another CPU decreases it. The peak of such a value isn't the sum of the CPUs' peaks. A level therefore has a shared word, and
 * for each CPU a part that isn't in this word yet. The parts are small, so the shared word is near the level at each moment, and
 * its maximum is near the peak. rk_level_create() takes the error that the program accepts.
 *
 * For a rate (events in the last second), see rate.h. For a sum of all records, use a counter (counter.h). For percentiles, use
 * a histogram (histogram.h).
 *
 * fork: the child has its own copy of each peak and level, with the values at the moment of the fork.
 */
#ifndef RSEQKIT_PEAK_H
#define RSEQKIT_PEAK_H

#include <rseqkit/percpu.h>

/* The addresses of a peak and of a level are those of their items in per-CPU memory (percpu.h). */
struct rk_peak;
struct rk_level;

RKI_BEGIN_DECLS

/*
 * Creates a peak without a value.
 *
 * Returns 0 and the peak in *peak; -EINVAL when `peak` is NULL; -ENOMEM; -EUCLEAN as rk_percpu_alloc().
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: as rk_counter_create().
 * Memory: 16 bytes for each CPU on which threads record values, and 16 bytes in each of the two shared slots.
 */
RKI_API int rk_peak_create(struct rk_peak **peak);

/*
 * Destroys a peak. NULL is allowed. Call the function only while no thread uses the peak.
 *
 * Returns 0; -EINVAL when `peak` isn't a peak, or was destroyed before; -EUCLEAN as rk_percpu_free().
 * Context and cost: as rk_counter_destroy().
 */
RKI_API int rk_peak_destroy(struct rk_peak *peak);

/*
 * rk_peak_record_max() records a value for the maximum, and rk_peak_record_min() for the minimum. A program that needs both
 * makes both calls. For the maximum, INT64_MIN counts as INT64_MIN + 1. For the minimum, INT64_MAX counts as INT64_MAX - 1.
 *
 * Context: any thread; signal handler, even if it interrupted a record in the same peak; after fork; in a vfork child only
 * inside rk_vfork_begin().
 * Cost: 0.6 ns if the value is no new maximum of the CPU, otherwise 3.2 ns, with one thread and with two. Without rseq 5 ns with
 * one thread, and 16 ns with two that record new maxima. For comparison, an atomic maximum in a word that all threads share takes
 * 0.5 ns if the value is no new maximum. If each value is one, it takes 2.5 ns with one thread, and 12 ns with two. A shared word
 * is therefore as good while new maxima are rare. These are figures of the benches `peak` and `peak-rising` (bench/METHOD.md) on
 * an AMD EPYC of family 25, model 17. rk_counter_add() takes 0.54 ns there, without rseq 6 ns.
 */
RKI_INLINE void rk_peak_record_max(struct rk_peak *peak, int64_t value);
RKI_INLINE void rk_peak_record_min(struct rk_peak *peak, int64_t value);

/*
 * rk_peak_max() stores in *value the maximum since the peak was created or its maximum last reset. rk_peak_max_reset() does the
 * same and resets the maximum. The minimum has functions of its own, and a reset of its own.
 *
 * A record that happened before the call counts in its result, unless an earlier reset returned it. A record that runs during
 * the call can count. If it doesn't count in the result of a reset, it counts in the next result. No record is lost. Several
 * threads can reset a peak at the same time: each record then counts in at least one result.
 *
 * Returns 0; -ENODATA when no value was recorded; -EINVAL when a pointer is NULL. After an error *value is unchanged.
 * Context: any thread; signal handler; after fork. Cost: one load for each index up to the highest possible CPU; a reset makes
 * one atomic exchange for each index that has a value.
 */
RKI_API int rk_peak_max(const struct rk_peak *peak, int64_t *value);
RKI_API int rk_peak_min(const struct rk_peak *peak, int64_t *value);
RKI_API int rk_peak_max_reset(struct rk_peak *peak, int64_t *value);
RKI_API int rk_peak_min_reset(struct rk_peak *peak, int64_t *value);

/*
 * A static peak. The library creates the peak at the first record, in any thread or signal handler. As long as there is no
 * memory to create the peak, the values are kept in `early`.
 *
 *	static struct rk_peak_static longest = RK_PEAK_STATIC;
 *
 *	rk_peak_static_record_max(&longest, size);
 *	... rk_peak_max(rk_peak_static_get(&longest), &value) ...
 */
struct rk_peak_static {
	struct rk_peak *peak;
	uint64_t early[2] __attribute__((__aligned__(8)));
};

#define RK_PEAK_STATIC {RKI_NULL, {0, 0}}

/*
 * Returns the peak. If the peak doesn't exist yet, the call creates it. Returns NULL when there is no memory.
 * Context and cost: as rk_counter_static_get() (counter.h).
 */
RKI_API struct rk_peak *rk_peak_static_get(struct rk_peak_static *of);

/*
 * Destroys the peak, if it exists: the next record creates a peak.
 * Parameters, result, context and cost: as rk_counter_static_destroy() (counter.h).
 */
RKI_API int rk_peak_static_destroy(struct rk_peak_static *of);

/*
 * Record a value in the static peak.
 * Context: as rk_peak_record_max(). Until the peak is created, the calls are not allowed under asynchronous cancellation. Cost:
 * one load more than rk_peak_record_max().
 */
RKI_INLINE void rk_peak_static_record_max(struct rk_peak_static *of, int64_t value);
RKI_INLINE void rk_peak_static_record_min(struct rk_peak_static *of, int64_t value);

/*
 * Creates a level. Its value and its peak are 0.
 *
 * Parameters: `error` is the greatest difference between the true peak and the result of rk_level_peak() that the program
 * accepts. Each CPU gets the same part of it: a CPU changes the shared word only once in error / (2 * CPUs) steps of 1. If this
 * is less than 1, for example if `error` is 0, the peak is exact, and each add is an atomic instruction on the shared word.
 * Returns 0 and the level in *level; -EINVAL when `level` is NULL; -ENOMEM; -EUCLEAN as rk_percpu_alloc().
 * Context and cost: as rk_peak_create(). Memory: 24 bytes for each CPU on which threads add, and 24 bytes in
 * each of the two shared slots.
 */
RKI_API int rk_level_create(struct rk_level **level, uint64_t error);

/* Destroys a level. Parameters, result, context and cost: as rk_peak_destroy(). */
RKI_API int rk_level_destroy(struct rk_level *level);

/*
 * Adds `change` to the level. `change` can be negative.
 *
 * Context: any thread; signal handler, even if it interrupted an add to the same level; after fork; in a vfork child only
 * inside rk_vfork_begin().
 * Cost: a call that changes only the CPU's part takes 2.9 ns. A call that changes the shared word takes one or two atomic
 * instructions on a cache line that all CPUs share. If `error` is 32 for each CPU and the level rises all the time, a call
 * takes 3.3 ns on average with one thread, and 8 ns with two. If `error` is 0, a call takes 3 to 4.4 ns with one thread, and 12
 * to 22 ns with two. If `error` isn't 0, a call without rseq takes 5 ns with one thread, and 23 ns with two. These are figures of
 * the benches `level` and `level-rising` (bench/METHOD.md) on an AMD EPYC of family 25, model 17.
 */
RKI_API void rk_level_add(struct rk_level *level, int64_t change);

/*
 * Returns the level: the sum of all adds. The result is exact if no add runs during the call. Otherwise it differs from the
 * level at the moment of the call by at most `error` of rk_level_create(), and by the adds that run during the call.
 *
 * Context: any thread; signal handler; after fork. Cost: one load for each index up to the highest possible CPU.
 */
RKI_API int64_t rk_level_get(const struct rk_level *level);

/*
 * rk_level_peak() returns the highest level since the level was created or its peak last reset. rk_level_peak_reset() does the
 * same, and resets the peak to the present level.
 *
 * The result differs from the true peak by at most `error`. For each add that was stopped half-way at the peak, it can differ by
 * a CPU's part of `error` more, and by that add.
 * Context: any thread; signal handler; after fork. Cost: as rk_level_get(), and an atomic instruction.
 */
RKI_API int64_t rk_level_peak(struct rk_level *level);
RKI_API int64_t rk_level_peak_reset(struct rk_level *level);

RKI_END_DECLS

#include <rseqkit/detail/peak.h>

#endif /* RSEQKIT_PEAK_H */
