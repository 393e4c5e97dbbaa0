/* SPDX-License-Identifier: MIT */
/*
 * histogram.h - how often which values occurred: latencies, sizes. Threads record on their CPU; a read sees all CPUs.
 *
 * Above all: destroy a histogram only when no thread can record in it any more, as a counter.
 *
 *	rk_histogram_create(&h, 5, UINT64_MAX);
 *	rk_histogram_record(h, nanoseconds);
 *	...
 *	rk_histogram_snapshot_create(&s, h);
 *	rk_histogram_reset(h, s);
 *	printf("median %llu\n", (unsigned long long)rk_histogram_percentile(s, 50));
 *
 * Buckets are log-linear. With `bits` significant bits, values below 2^(bits + 1) have a bucket each. Above that each power
 * of two has 2^bits buckets of the same width: one is never wider than its lowest value / 2^bits.
 *
 *	bits = 2:   0 1 2 3 4 5 6 7 | 8-9 10-11 12-13 14-15 | 16-19 20-23 24-27 28-31 | 32-39 ...
 *
 * A histogram is a group of counters (counter.h), one for each bucket, and promises what a group does: a record never
 * fails; a read is a consistent cut, or says that it isn't; a child of fork has its own copy. A record is one add, so
 * count, least, greatest, mean and percentiles come from the buckets, and agree with each other. A sum of the very values
 * would be another add, which an abort may separate from the first: who needs it keeps a counter beside.
 */
#ifndef RSEQKIT_HISTOGRAM_H
#define RSEQKIT_HISTOGRAM_H

#include <rseqkit/counter.h>

/* Its address is that of the item in per-CPU memory (percpu.h). */
struct rk_histogram;

/* The most buckets that a histogram has. For all values of 64 bits there are (65 - bits) * 2^bits: with 8 bits 14592. */
#define RK_HISTOGRAM_BUCKETS_MAX (RK_COUNTER_GROUP_MAX - 1)

/* What was recorded, as a read stores it. A program may also fill one itself, from counts of its own, for all but the reads. */
struct rk_histogram_snapshot {
	uint64_t *counts; /* of each bucket */
	size_t buckets;   /* how many buckets there are */
	uint64_t above;   /* how many values were above the last bucket's highest */
	uint64_t count;   /* how many values there were: the sum of the counts, and `above` */
	int bits;         /* the histogram's */
};

RKI_BEGIN_DECLS

/*
 * Creates an empty histogram.
 *
 * Parameters: bits, significant bits of a value, from 1 to 13: 4 tell values apart that differ by 6%, 7 by 0.8%. highest is
 * the highest value that has a bucket, and is rounded up to the highest value of that bucket. Values above are counted together
 * (`above`). A lower `highest` saves memory, or leaves room for more bits.
 * Returns 0 and the histogram in *histogram; -EINVAL when that is NULL, bits is out of range, or it would have more than
 * RK_HISTOGRAM_BUCKETS_MAX buckets; -ENOMEM; -EUCLEAN as rk_percpu_alloc().
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: 0.1 us; from 250
 * buckets on 2 to 7 us, a page fault; from 8,000 on 10 to 20 us, a range of address space. The first one of each size in a
 * process 30 us, and the first of all 20 ms if there are several threads by then (rk_fence_prepare() in remote.h).
 * Memory: 16 bytes for each bucket, in the pages of each CPU that records values of that size. Of address space it takes
 * RK_CPUS_MAX times that, rounded up to a power of two: with 14592 buckets 2 GB and two of the process's mappings.
 */
RKI_API int rk_histogram_create(struct rk_histogram **histogram, int bits, uint64_t highest);

/*
 * Destroys a histogram; NULL is allowed. No thread may be using it.
 *
 * Returns 0; -EINVAL when it is no histogram (any more); -EUCLEAN as rk_percpu_free().
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: 50 ns, of the largest
 * up to 1 us. Memory and address space are kept for the next histogram or group of that size.
 */
RKI_API int rk_histogram_destroy(struct rk_histogram *histogram);

/* How many buckets it has. Context: any. Cost: a load. */
RKI_API size_t rk_histogram_buckets(const struct rk_histogram *histogram);

/*
 * Records a value, or one that occurred `times` times.
 *
 * Context: any thread; signal handler, also one that interrupts a record in the same histogram; after fork; not in a vfork
 * child outside rk_vfork_begin(). Cost: 0.7 to 3 ns with rseq, whatever the value; 30 ns without.
 */
RKI_INLINE void rk_histogram_record_many(struct rk_histogram *histogram, uint64_t value, uint64_t times);
RKI_INLINE void rk_histogram_record(struct rk_histogram *histogram, uint64_t value);

/*
 * Makes an empty snapshot, for reads of this histogram or others with the same `bits` and `highest`, as often as they are
 * needed; and gives one back, NULL too. The histogram may be destroyed before it.
 *
 * Returns 0 and the snapshot in *snapshot; -EINVAL when a pointer is NULL; -ENOMEM.
 * Context: any thread; signal handler; after fork, for the child has its own copy. Cost: a system call. Memory: 8 bytes for each
 * bucket, in whole pages.
 */
RKI_API int rk_histogram_snapshot_create(struct rk_histogram_snapshot **snapshot, const struct rk_histogram *histogram);
RKI_API int rk_histogram_snapshot_destroy(struct rk_histogram_snapshot *snapshot);

/*
 * Reads what was recorded since creation or the last reset. rk_histogram_reset() empties the histogram as well: each
 * record is returned by exactly one reset. Records go on meanwhile, and none waits.
 *
 * Parameters: snapshot was made by rk_histogram_snapshot_create(). One thread at a time uses it.
 * Returns 0. Returns -EINVAL when a pointer is NULL, or the snapshot was made for a histogram with other buckets. Returns -EBUSY,
 * -EHOSTUNREACH and -EAGAIN as rk_counter_group_read(): then the counts are of no one moment, and nothing is reset.
 * Context: any thread; signal handler; after fork; not in a vfork child; not under asynchronous cancellation (api.h).
 * Cost: a fence of all CPUs, and two loads of each bucket for each possible CPU.
 */
RKI_API int rk_histogram_read(struct rk_histogram *histogram, struct rk_histogram_snapshot *snapshot);
RKI_API int rk_histogram_reset(struct rk_histogram *histogram, struct rk_histogram_snapshot *snapshot);

/*
 * The lowest and the highest value of a bucket.
 *
 * Parameters: bucket is below the snapshot's buckets.
 * Context: any. Cost: nanoseconds.
 */
RKI_API uint64_t rk_histogram_bucket_lowest(const struct rk_histogram_snapshot *snapshot, size_t bucket);
RKI_API uint64_t rk_histogram_bucket_highest(const struct rk_histogram_snapshot *snapshot, size_t bucket);

/*
 * The least and the greatest value, the mean, and the value at or below which `percent` of all values lie, 0 to 100. Each is
 * as exact as the buckets: min is the lowest value of its bucket, max and percentile are the highest of theirs, the mean
 * takes each bucket's middle. Values above all buckets count as the lowest of them: one more than the last bucket's highest.
 *
 * Returns 0 when nothing was recorded.
 * Context: any. Cost: a look at the buckets.
 */
RKI_API uint64_t rk_histogram_min(const struct rk_histogram_snapshot *snapshot);
RKI_API uint64_t rk_histogram_max(const struct rk_histogram_snapshot *snapshot);
RKI_API double rk_histogram_mean(const struct rk_histogram_snapshot *snapshot);
RKI_API uint64_t rk_histogram_percentile(const struct rk_histogram_snapshot *snapshot, double percent);

/*
 * Adds the counts of one snapshot to another: of two histograms, or of two times.
 *
 * Returns 0; -EINVAL when one is NULL or their buckets aren't the same.
 * Context: any. Cost: a look at the buckets.
 */
RKI_API int rk_histogram_merge(struct rk_histogram_snapshot *into, const struct rk_histogram_snapshot *from);

RKI_END_DECLS

#include <rseqkit/detail/histogram.h>

#endif /* RSEQKIT_HISTOGRAM_H */
