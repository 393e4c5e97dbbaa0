/* SPDX-License-Identifier: MIT */
/*
 * histogram.h - how often each value occurred, for latencies or sizes. A thread records on the CPU that it runs on; a read
 * sums up all CPUs.
 *
 * Above all: destroy a histogram only when no thread can record in it any more. The library doesn't detect a later record.
 *
 *	rk_histogram_create(&h, 5, UINT64_MAX);
 *	rk_histogram_record(h, nanoseconds);
 *	...
 *	rk_histogram_snapshot_create(&s, h);
 *	rk_histogram_reset(h, s);
 *	printf("median %llu\n", (unsigned long long)rk_histogram_percentile(s, 50));
 *
 * Buckets are log-linear. With `bits` significant bits, each value below 2^(bits + 1) has a bucket of its own. Above that
 * each power of two has 2^bits buckets of the same width. So a bucket is never wider than its lowest value / 2^bits.
 *
 *	bits = 2:   0 1 2 3 4 5 6 7 | 8-9 10-11 12-13 14-15 | 16-19 20-23 24-27 28-31 | 32-39 ...
 *
 * A histogram is a group of counters (counter.h), one for each bucket, and keeps the promises of a group. A record never
 * fails. A read is a consistent cut, or returns an error. A child of fork has its own copy. A record is one add. So count,
 * minimum, maximum, mean and percentiles are all computed from the buckets, and agree with each other. The exact sum of all
 * values would need a second add, and an abort may separate the two. A program that needs the exact sum keeps a counter for
 * it.
 */
#ifndef RSEQKIT_HISTOGRAM_H
#define RSEQKIT_HISTOGRAM_H

#include <rseqkit/counter.h>

/* A histogram's address is that of its item in per-CPU memory (percpu.h). */
struct rk_histogram;

/* The most buckets of a histogram. All values of 64 bits take (65 - bits) * 2^bits buckets: with 8 bits 14592. */
#define RK_HISTOGRAM_BUCKETS_MAX (RK_COUNTER_GROUP_MAX - 1)

/*
 * The result of a read. A program may also fill a snapshot itself, from its own counts. Such a snapshot works with all
 * functions but the reads and rk_histogram_snapshot_destroy().
 */
struct rk_histogram_snapshot {
	uint64_t *counts; /* of each bucket */
	size_t buckets;   /* number of buckets */
	uint64_t above;   /* number of values above the last bucket's highest */
	uint64_t count;   /* number of all values: the sum of the counts, and `above` */
	int bits;         /* significant bits of a value */
};

RKI_BEGIN_DECLS

/*
 * Creates an empty histogram.
 *
 * Parameters: bits is the number of significant bits of a value, from 1 to 13. With 4 bits, values that differ by 6% have
 * different buckets; with 7 bits, values that differ by 0.8%. highest is the highest value that has a bucket. It is rounded
 * up to the highest value of that bucket: with 5 bits, 1,000,000 to 1,015,807. Values above that are counted together
 * (`above`). A lower `highest` saves memory, or leaves room for more bits.
 * Returns 0 and the histogram in *histogram, or:
 *   -EINVAL   histogram is NULL, bits is out of range, or there would be more than RK_HISTOGRAM_BUCKETS_MAX buckets
 *   -ENOMEM   there is no memory
 *   -EUCLEAN  as rk_percpu_alloc()
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h).
 * Cost: 0.1 us. From 250 buckets on 2 to 7 us, for a page fault. From 8,000 on 10 to 20 us, for a range of address space.
 * The first histogram of each size in a process takes 30 us. The first of all takes 20 ms if there are several threads by
 * then (rk_fence_prepare() in remote.h).
 * Memory: 16 bytes for each bucket, in the pages of each CPU that records values of that size. The address space is
 * RK_CPUS_MAX times that, rounded up to a power of two. A histogram with 14592 buckets takes 2 GB, and two of the process's
 * mappings.
 */
RKI_API int rk_histogram_create(struct rk_histogram **histogram, int bits, uint64_t highest);

/*
 * Destroys a histogram. NULL is allowed. No thread may be using the histogram.
 *
 * Returns 0; -EINVAL when it isn't a histogram, or was destroyed before; -EUCLEAN as rk_percpu_free().
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: 50 ns, for the largest
 * histogram up to 1 us. Memory and address space are kept for the next histogram or group of that size.
 */
RKI_API int rk_histogram_destroy(struct rk_histogram *histogram);

/* Returns the number of buckets. Context: any. Cost: a load. */
RKI_API size_t rk_histogram_buckets(const struct rk_histogram *histogram);

/*
 * rk_histogram_record() records a value that occurred once. rk_histogram_record_many() records a value that occurred `times`
 * times.
 *
 * Context: any thread; signal handler, also one that interrupts a record in the same histogram; after fork; not in a vfork
 * child outside rk_vfork_begin(). Cost: 0.7 to 3 ns with rseq, for any value; 30 ns without.
 */
RKI_INLINE void rk_histogram_record_many(struct rk_histogram *histogram, uint64_t value, uint64_t times);
RKI_INLINE void rk_histogram_record(struct rk_histogram *histogram, uint64_t value);

/*
 * rk_histogram_snapshot_create() makes an empty snapshot. It can be used for any number of reads, of this histogram and of
 * others with the same `bits` and `highest`. rk_histogram_snapshot_destroy() gives a snapshot back. NULL is allowed. The
 * histogram may be destroyed before its snapshots.
 *
 * Returns 0 and the snapshot in *snapshot; -EINVAL when a pointer is NULL; -ENOMEM. rk_histogram_snapshot_destroy() always
 * returns 0.
 * Context: any thread; signal handler; after fork, since the child has its own copy. Cost: a system call. Memory: 8 bytes
 * for each bucket, in whole pages.
 */
RKI_API int rk_histogram_snapshot_create(struct rk_histogram_snapshot **snapshot, const struct rk_histogram *histogram);
RKI_API int rk_histogram_snapshot_destroy(struct rk_histogram_snapshot *snapshot);

/*
 * Both calls store in the snapshot what was recorded since creation or the last reset, in place of what it held. For running
 * totals, add each snapshot to another one after its reset returned 0 (rk_histogram_merge()).
 *
 * rk_histogram_reset() also empties the histogram: each record appears in the result of exactly one reset. Records go on
 * meanwhile, and none of them waits.
 *
 * Parameters: snapshot was made by rk_histogram_snapshot_create(). One thread at a time uses it.
 * Returns 0, or:
 *   -EINVAL                         a pointer is NULL, or the snapshot was made for a histogram with other buckets
 *   -EBUSY, -EHOSTUNREACH, -EAGAIN  as rk_counter_group_read(). The counts may be from different moments, and nothing is
 *                                   reset
 * Context: any thread; signal handler; after fork; not in a vfork child; not under asynchronous cancellation (api.h).
 * Cost: a fence of all CPUs, and two loads of each bucket for each index up to the highest possible CPU.
 */
RKI_API int rk_histogram_read(struct rk_histogram *histogram, struct rk_histogram_snapshot *snapshot);
RKI_API int rk_histogram_reset(struct rk_histogram *histogram, struct rk_histogram_snapshot *snapshot);

/*
 * Return the lowest and the highest value of a bucket.
 *
 * Parameters: bucket is below the snapshot's number of buckets.
 * Context: any. Cost: nanoseconds.
 */
RKI_API uint64_t rk_histogram_bucket_lowest(const struct rk_histogram_snapshot *snapshot, size_t bucket);
RKI_API uint64_t rk_histogram_bucket_highest(const struct rk_histogram_snapshot *snapshot, size_t bucket);

/*
 * Return the minimum, the maximum, the mean and a percentile. The percentile is the value at or below which `percent` of all
 * values lie; `percent` is from 0 to 100. Each result is as exact as the buckets. The minimum is the lowest value of its
 * bucket. The maximum and the percentile are the highest values of theirs. The mean takes the middle of each bucket. A value
 * above all buckets counts as one more than the last bucket's highest value. So a result of that size means "or more".
 *
 * Returns 0 when nothing was recorded.
 * Context: any. Cost: reads the buckets.
 */
RKI_API uint64_t rk_histogram_min(const struct rk_histogram_snapshot *snapshot);
RKI_API uint64_t rk_histogram_max(const struct rk_histogram_snapshot *snapshot);
RKI_API double rk_histogram_mean(const struct rk_histogram_snapshot *snapshot);
RKI_API uint64_t rk_histogram_percentile(const struct rk_histogram_snapshot *snapshot, double percent);

/*
 * Adds the counts of one snapshot to another. The two may be of two histograms, or of two times.
 *
 * Returns 0; -EINVAL when one is NULL or their buckets differ.
 * Context: any. Cost: reads the buckets.
 */
RKI_API int rk_histogram_merge(struct rk_histogram_snapshot *into, const struct rk_histogram_snapshot *from);

RKI_END_DECLS

#include <rseqkit/detail/histogram.h>

#endif /* RSEQKIT_HISTOGRAM_H */
