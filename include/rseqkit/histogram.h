/* SPDX-License-Identifier: MIT */
/*
 * histogram.h - histograms, for example of latencies or sizes. A histogram counts how often each value occurred. There are
 * counts for each CPU: a thread records in the counts of the CPU that it runs on; a read sums up the counts of all CPUs.
 *
 * Above all: destroy a histogram only when no thread can record in the histogram any more. The library doesn't detect a
 * record in a destroyed histogram.
 *
 *	rk_histogram_create(&h, 5, UINT64_MAX);
 *	rk_histogram_record(h, nanoseconds);
 *	...
 *	rk_histogram_snapshot_create(&s, h);
 *	rk_histogram_reset(h, s);
 *	printf("median %llu\n", (unsigned long long)rk_histogram_percentile(s, 50));
 *
 * Buckets are log-linear. With `bits` significant bits, each value below 2^(bits + 1) has a bucket of its own. For larger
 * values, each range from 2^n to 2^(n + 1) - 1 has 2^bits buckets of the same width. In these ranges, the width of a bucket
 * is at most (lowest value of the bucket) / 2^bits.
 *
 *	bits = 2:   0 1 2 3 4 5 6 7 | 8-9 10-11 12-13 14-15 | 16-19 20-23 24-27 28-31 | 32-39 ...
 *
 * A histogram is a group of counters (counter.h), with one counter for each bucket, so a histogram keeps the promises of a
 * group. A record never fails. A read is a consistent cut, or returns an error. A child of fork has its own copy of the
 * histogram. A record is one add to the counter of one bucket. Count, minimum, maximum, mean and percentiles are all computed
 * from the buckets, so these results agree with each other. The exact sum of all values would need a second add in each record,
 * and an abort can separate the two adds. A program that needs the exact sum keeps the sum in a counter of its own.
 *
 * A histogram of up to 252 buckets shares the address space of counters. Above that, the first histogram of each size takes 66
 * MB of address space, but no more memory than others. For example, microseconds up to 2 seconds have 152 buckets with 3 bits,
 * and 287 with 4 bits.
 */
#ifndef RSEQKIT_HISTOGRAM_H
#define RSEQKIT_HISTOGRAM_H

#include <rseqkit/counter.h>

/* A histogram's address is that of its item in per-CPU memory (percpu.h). */
struct rk_histogram;

/*
 * The highest number of buckets. If every 64-bit value has a bucket, the number of buckets is (65 - bits) * 2^bits: for example,
 * bits = 8 gives 14592 buckets.
 */
#define RK_HISTOGRAM_BUCKETS_MAX (RK_COUNTER_GROUP_MAX - 1)

/*
 * The result of a read. A program is also allowed to fill in a struct of this type itself, from its own counts. Don't pass
 * such a snapshot to rk_histogram_read(), rk_histogram_reset() or rk_histogram_snapshot_destroy(). All other functions accept
 * such a snapshot.
 */
struct rk_histogram_snapshot {
	uint64_t *counts; /* for each bucket, the number of values in the bucket */
	size_t buckets;   /* number of buckets */
	uint64_t above;   /* number of values above the last bucket */
	uint64_t count;   /* number of all values: the sum of counts[], plus `above` */
	int bits;         /* significant bits of a value */
};

RKI_BEGIN_DECLS

/*
 * Creates an empty histogram.
 *
 * Parameters: `bits` is the number of significant bits of a value, from 1 to 13. With 4 bits, values that differ by 6% have
 * different buckets. With 7 bits, values that differ by 0.8% have different buckets. `highest` is the highest value that
 * needs a bucket. The call rounds `highest` up to the highest value of its bucket: with 5 bits, the call rounds 1,000,000 up
 * to 1,015,807. All values above the rounded `highest` are counted together, in the member `above` of a snapshot. A lower
 * `highest` saves memory, or leaves room for more bits.
 * Returns 0 and the histogram in *histogram, or:
 *   -EINVAL   `histogram` is NULL, `bits` is out of range, or there would be more than RK_HISTOGRAM_BUCKETS_MAX buckets:
 *             rk_histogram_fault() says which
 *   -ENOMEM   there is no memory
 *   -EUCLEAN  as rk_percpu_alloc()
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h).
 * Cost: 0.1 us. A histogram of 250 buckets or more takes 2 to 7 us, because of a page fault. A histogram of 8,000 buckets or
 * more takes 10 to 20 us, because the call maps address space. The first histogram of each size in a process takes 30 us. If
 * the process already has several threads, its first histogram or group takes 20 ms (rk_fence_prepare() in remote.h).
 * Memory: each bucket takes 16 bytes for each CPU. A page for a CPU is committed when a thread on that CPU first records a
 * value of a bucket in the page. Address space: as rk_counter_group_create() (counter.h), for a group with a counter for each
 * bucket.
 */
RKI_API int rk_histogram_create(struct rk_histogram **histogram, int bits, uint64_t highest);

/*
 * Explains why rk_histogram_create() returns -EINVAL for these parameters. Returns a sentence in static storage, or NULL if
 * both parameters are right. If `highest` is UINT64_MAX, `bits` is at most 8.
 * Parameters: as rk_histogram_create(). Context: any. Cost: nanoseconds.
 */
RKI_API const char *rk_histogram_fault(int bits, uint64_t highest);

/*
 * Destroys a histogram. NULL is allowed. Call the function only while no thread uses the histogram.
 *
 * Returns 0; -EINVAL when `histogram` isn't a histogram, or was destroyed before; -EUCLEAN as rk_percpu_free().
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: 50 ns, for the largest
 * histogram up to 1 us. The library keeps the memory and the address space for the next histogram or group of the same size.
 */
RKI_API int rk_histogram_destroy(struct rk_histogram *histogram);

/* Returns the number of buckets. Context: any. Cost: a load. */
RKI_API size_t rk_histogram_buckets(const struct rk_histogram *histogram);

/*
 * rk_histogram_record() records a value that occurred once. rk_histogram_record_many() records a value that occurred `times`
 * times.
 *
 * Context: any thread; signal handler, even if it interrupted a record in the same histogram; after fork; in a vfork child
 * only inside rk_vfork_begin(). Cost: for any value, with rseq 0.7 to 3 ns, without rseq 6 to 30 ns.
 */
RKI_INLINE void rk_histogram_record_many(struct rk_histogram *histogram, uint64_t value, uint64_t times);
RKI_INLINE void rk_histogram_record(struct rk_histogram *histogram, uint64_t value);

/*
 * rk_histogram_snapshot_create() creates an empty snapshot. The snapshot can be used for any number of reads, of this
 * histogram and of other histograms with the same `bits` and `highest`. rk_histogram_snapshot_destroy() frees the memory of a
 * snapshot, and accepts NULL. A histogram can be destroyed before its snapshots.
 *
 * rk_histogram_snapshot_create() returns 0 and the snapshot in *snapshot; -EINVAL when a pointer is NULL; -ENOMEM.
 * rk_histogram_snapshot_destroy() always returns 0.
 * Context: any thread; signal handler; after fork (the child has its own copy of the snapshot). Cost: a system call.
 * Memory: 8 bytes for each bucket, in whole pages.
 */
RKI_API int rk_histogram_snapshot_create(struct rk_histogram_snapshot **snapshot, const struct rk_histogram *histogram);
RKI_API int rk_histogram_snapshot_destroy(struct rk_histogram_snapshot *snapshot);

/*
 * rk_histogram_read() and rk_histogram_reset() store in the snapshot how often each value was recorded since the histogram
 * was created or last reset. The previous contents of the snapshot are lost. For running totals, keep a second snapshot.
 * Whenever a reset has returned 0, add the snapshot of that reset to the second snapshot (rk_histogram_merge()).
 *
 * rk_histogram_reset() also empties the histogram: each record appears in the result of exactly one reset. Neither call
 * disturbs records, and no record waits for a call.
 *
 * Parameters: `snapshot` comes from rk_histogram_snapshot_create(). Only one thread at a time is allowed to use a snapshot.
 * Returns 0, or:
 *   -EINVAL                         a pointer is NULL, or the snapshot was created for a histogram with other buckets
 *   -EBUSY, -EHOSTUNREACH, -EAGAIN  as rk_counter_group_read(). After these errors the counts can be from different moments,
 *                                   and the histogram isn't reset
 * Context: any thread; signal handler; after fork; not in a vfork child; not under asynchronous cancellation (api.h).
 * Cost: a fence of all CPUs, which calls membarrier(2), and two loads of each bucket for each index up to the highest possible
 * CPU.
 */
RKI_API int rk_histogram_read(struct rk_histogram *histogram, struct rk_histogram_snapshot *snapshot);
RKI_API int rk_histogram_reset(struct rk_histogram *histogram, struct rk_histogram_snapshot *snapshot);

/*
 * Stores in the snapshot how often each value was recorded, as rk_histogram_read() does, but not as a cut. Each bucket's count by
 * itself is right, but the counts can be from different moments. The call makes no system call and no fence, and it never fails
 * because of other threads. Prefer it for statistics that people read.
 *
 * Returns 0; -EINVAL as rk_histogram_read().
 * Context: any thread; signal handler, even if it interrupted another read of the histogram; after fork. Cost: two loads of each
 * bucket for each index up to the highest possible CPU.
 */
RKI_API int rk_histogram_read_relaxed(const struct rk_histogram *histogram, struct rk_histogram_snapshot *snapshot);

/*
 * rk_histogram_bucket_lowest() returns the lowest value of a bucket, and rk_histogram_bucket_highest() returns the highest
 * value.
 *
 * Parameters: `bucket` is less than the snapshot's number of buckets.
 * Context: any. Cost: nanoseconds.
 */
RKI_API uint64_t rk_histogram_bucket_lowest(const struct rk_histogram_snapshot *snapshot, size_t bucket);
RKI_API uint64_t rk_histogram_bucket_highest(const struct rk_histogram_snapshot *snapshot, size_t bucket);

/*
 * These functions return the minimum, the maximum, the mean and a percentile of the values in a snapshot. A percentile is the
 * value at or below which `percent` percent of all values lie; `percent` is from 0 to 100. Each result is as exact as the
 * buckets. rk_histogram_min() returns the lowest value of the minimum's bucket. rk_histogram_max() and
 * rk_histogram_percentile() return the highest value of the bucket. For the mean, each value counts as the middle of its
 * bucket. A value above all buckets counts as E, the last bucket's highest value plus 1, so a result E means "E or more".
 *
 * Returns 0 when the snapshot has no values.
 * Context: any. Cost: the call reads the counts of all buckets.
 */
RKI_API uint64_t rk_histogram_min(const struct rk_histogram_snapshot *snapshot);
RKI_API uint64_t rk_histogram_max(const struct rk_histogram_snapshot *snapshot);
RKI_API double rk_histogram_mean(const struct rk_histogram_snapshot *snapshot);
RKI_API uint64_t rk_histogram_percentile(const struct rk_histogram_snapshot *snapshot, double percent);

/*
 * Adds the counts of the snapshot `from` to the snapshot `into`. The two snapshots can come from the same histogram, or from
 * two histograms.
 *
 * Returns 0; -EINVAL when a pointer is NULL, or the snapshots have different buckets.
 * Context: any. Cost: the call reads the counts of all buckets.
 */
RKI_API int rk_histogram_merge(struct rk_histogram_snapshot *into, const struct rk_histogram_snapshot *from);

RKI_END_DECLS

#include <rseqkit/detail/histogram.h>

#endif /* RSEQKIT_HISTOGRAM_H */
