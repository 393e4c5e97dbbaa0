/* SPDX-License-Identifier: MIT */
/*
 * histogram.c - histograms (rseqkit/histogram.h), and values that are computed from their snapshots. A histogram is a group
 * of counters, one for each bucket (counter_group.c).
 *
 * The invariant: buckets are numbered without gaps in the order of their values, so a bucket's number determines its values.
 * After the counters of the buckets comes a counter of the values above all buckets.
 */
#include <rseqkit/histogram.h>

#include <errno.h>
#include <float.h>
#include <string.h>
#include "arch/arch.h"
#include "counter_group.h"
#include "percpu/percpu_range.h"

#define BITS_MAX 13 /* with 13 bits each value up to 16378 has a bucket of its own; more bits add nothing */

/*
 * Returns whether the processor has the instruction LZCNT. The answer is stored for later calls, because CPUID is slow in a
 * virtual machine: it traps, and takes many times as long as the rest of rk_histogram_create().
 */
static bool has_lzcnt(void)
{
#ifdef RK_CPUID_HAS_LZCNT
	static signed char answer; /* 1: yes; -1: no; 0: CPUID wasn't executed yet */
	signed char known = __atomic_load_n(&answer, __ATOMIC_RELAXED);

	if (known == 0) {
		known = RK_CPUID_HAS_LZCNT() ? 1 : -1;
		__atomic_store_n(&answer, known, __ATOMIC_RELAXED);
	}
	return known > 0;
#else
	return false;
#endif
}

/* Returns the highest value of a bucket. */
static uint64_t highest_of(size_t bucket, int bits)
{
	int shift = bucket >> bits == 0 ? 0 : (int)(bucket >> bits) - 1;

	return ((uint64_t)(bucket - ((size_t)shift << bits)) << shift) + (((uint64_t)1 << shift) - 1);
}

/* Returns the number of the bucket that has the value. */
static uint64_t bucket_of(uint64_t value, int bits)
{
	int shift = 63 - __builtin_clzll(value | (uint64_t)1 << bits) - bits;

	return ((uint64_t)shift << bits) + (value >> shift);
}

const char *rk_histogram_fault(int bits, uint64_t highest)
{
	if (bits < 1 || bits > BITS_MAX)
		return "bits isn't from 1 to 13";
	if (bucket_of(highest, bits) >= RK_HISTOGRAM_BUCKETS_MAX)
		return "there would be more than RK_HISTOGRAM_BUCKETS_MAX buckets; lower bits or highest";
	return NULL;
}

int rk_histogram_create(struct rk_histogram **histogram, int bits, uint64_t highest)
{
	struct rki_group_head *head;
	uint64_t last, end;
	void *group;
	int r;

	if (histogram == NULL)
		return -EINVAL;
	*histogram = NULL;
	if (rk_histogram_fault(bits, highest) != NULL)
		return -EINVAL;
	last = bucket_of(highest, bits);
	end = highest_of((size_t)last, bits);
	r = rk_group_create(&group, (size_t)last + 1 + (end < UINT64_MAX), __builtin_return_address(0));
	if (r < 0)
		return r;
	head = rk_group_head(group);
	head->top = (uint8_t)(63 - bits);
	head->lzcnt = has_lzcnt();
	head->width = (uint64_t)1 << bits;
	head->above = end < UINT64_MAX ? end + 1 : UINT64_MAX;
	*histogram = (struct rk_histogram *)group;
	return 0;
}

int rk_histogram_destroy(struct rk_histogram *histogram)
{
	return rk_group_destroy(histogram, true, __builtin_return_address(0));
}

size_t rk_histogram_buckets(const struct rk_histogram *histogram)
{
	const struct rki_group_head *head = rk_group_head(histogram);

	return head->count - (head->above < UINT64_MAX);
}

/*
 * Returns the size in bytes of a snapshot with its counts. There is one count more than buckets, because rk_group_read() also
 * stores the count of the values above all buckets.
 */
static size_t size_of_snapshot(size_t buckets)
{
	return sizeof(struct rk_histogram_snapshot) + (buckets + 1) * sizeof(uint64_t);
}

int rk_histogram_snapshot_create(struct rk_histogram_snapshot **snapshot, const struct rk_histogram *histogram)
{
	struct rk_histogram_snapshot *s;
	size_t buckets;

	if (snapshot == NULL)
		return -EINVAL;
	*snapshot = NULL;
	if (histogram == NULL)
		return -EINVAL;
	buckets = rk_histogram_buckets(histogram);
	s = (struct rk_histogram_snapshot *)rk_map(size_of_snapshot(buckets));
	if (s == NULL)
		return -ENOMEM;
	s->counts = (uint64_t *)(s + 1);
	s->buckets = buckets;
	s->bits = 63 - rk_group_head(histogram)->top;
	*snapshot = s;
	return 0;
}

int rk_histogram_snapshot_destroy(struct rk_histogram_snapshot *snapshot)
{
	if (snapshot != NULL)
		rk_unmap(snapshot, size_of_snapshot(snapshot->buckets));
	return 0;
}

static bool fits(const struct rk_histogram *histogram, const struct rk_histogram_snapshot *s)
{
	return histogram != NULL && s != NULL && s->buckets == rk_histogram_buckets(histogram) &&
	       s->bits == 63 - rk_group_head(histogram)->top;
}

static void sum_up(struct rk_histogram_snapshot *s)
{
	s->above = s->counts[s->buckets];
	s->count = s->above;
	for (size_t i = 0; i < s->buckets; i++)
		s->count += s->counts[i];
}

static int read_buckets(struct rk_histogram *histogram, struct rk_histogram_snapshot *s, bool reset)
{
	int r;

	if (!fits(histogram, s))
		return -EINVAL;
	r = rk_group_read(histogram, (int64_t *)s->counts, rk_group_head(histogram)->count, reset);
	sum_up(s);
	return r;
}

int rk_histogram_read_relaxed(const struct rk_histogram *histogram, struct rk_histogram_snapshot *snapshot)
{
	if (!fits(histogram, snapshot))
		return -EINVAL;
	rk_group_read_relaxed(histogram, (int64_t *)snapshot->counts, rk_group_head(histogram)->count);
	sum_up(snapshot);
	return 0;
}

int rk_histogram_read(struct rk_histogram *histogram, struct rk_histogram_snapshot *snapshot)
{
	return read_buckets(histogram, snapshot, false);
}

int rk_histogram_reset(struct rk_histogram *histogram, struct rk_histogram_snapshot *snapshot)
{
	return read_buckets(histogram, snapshot, true);
}

uint64_t rk_histogram_bucket_lowest(const struct rk_histogram_snapshot *snapshot, size_t bucket)
{
	return bucket == 0 ? 0 : highest_of(bucket - 1, snapshot->bits) + 1;
}

uint64_t rk_histogram_bucket_highest(const struct rk_histogram_snapshot *snapshot, size_t bucket)
{
	return highest_of(bucket, snapshot->bits);
}

/*
 * Returns the bucket of the value with this rank. Ranks count from 1. If the value is above all buckets, returns the number of
 * buckets.
 */
static size_t bucket_of_rank(const struct rk_histogram_snapshot *s, uint64_t rank)
{
	uint64_t seen = 0;
	size_t bucket;

	for (bucket = 0; bucket < s->buckets; bucket++) {
		seen += s->counts[bucket];
		if (seen >= rank)
			break;
	}
	return bucket;
}

/* Returns the highest value of a bucket. For the values above all buckets, returns the lowest such value. */
static uint64_t highest_in(const struct rk_histogram_snapshot *s, size_t bucket)
{
	return bucket < s->buckets ? highest_of(bucket, s->bits) : rk_histogram_bucket_lowest(s, bucket);
}

uint64_t rk_histogram_min(const struct rk_histogram_snapshot *snapshot)
{
	return snapshot->count == 0 ? 0 : rk_histogram_bucket_lowest(snapshot, bucket_of_rank(snapshot, 1));
}

uint64_t rk_histogram_max(const struct rk_histogram_snapshot *snapshot)
{
	return snapshot->count == 0 ? 0 : highest_in(snapshot, bucket_of_rank(snapshot, snapshot->count));
}

double rk_histogram_mean(const struct rk_histogram_snapshot *snapshot)
{
	double sum = 0;

	if (snapshot->count == 0)
		return 0;
	for (size_t i = 0; i < snapshot->buckets; i++)
		if (snapshot->counts[i] != 0)
			sum += (double)snapshot->counts[i] * ((double)rk_histogram_bucket_lowest(snapshot, i) / 2 +
							      (double)rk_histogram_bucket_highest(snapshot, i) / 2);
	if (snapshot->above != 0)
		sum += (double)snapshot->above * (double)rk_histogram_bucket_lowest(snapshot, snapshot->buckets);
	return sum / (double)snapshot->count;
}

/*
 * Returns `percent` percent of `count`, rounded up. If the percentage is a multiple of 1/1024, the result is computed in
 * integers. Other percentages are inexact in binary. But 99.9% of 1000 has to be 999, so the product is slightly reduced before
 * it is rounded up.
 */
static uint64_t rank_of(uint64_t count, double percent)
{
	uint64_t parts = (uint64_t)(percent * 1024), whole = 100 * 1024, rank;
	double wanted;

	if ((double)parts == percent * 1024)
		return count / whole * parts + (count % whole * parts + whole - 1) / whole;
	wanted = (double)count * (percent / 100) * (1 - 4 * DBL_EPSILON);
	rank = wanted < (double)count ? (uint64_t)wanted : count;
	return rank + ((double)rank < wanted);
}

uint64_t rk_histogram_percentile(const struct rk_histogram_snapshot *snapshot, double percent)
{
	uint64_t rank = 0;

	if (snapshot->count == 0)
		return 0;
	if (percent >= 100)
		return rk_histogram_max(snapshot);
	if (percent > 0)
		rank = rank_of(snapshot->count, percent);
	rank += rank == 0;
	return highest_in(snapshot, bucket_of_rank(snapshot, rank));
}

int rk_histogram_merge(struct rk_histogram_snapshot *into, const struct rk_histogram_snapshot *from)
{
	if (into == NULL || from == NULL || into->bits != from->bits || into->buckets != from->buckets)
		return -EINVAL;
	for (size_t i = 0; i < into->buckets; i++)
		into->counts[i] += from->counts[i];
	into->above += from->above;
	into->count += from->count;
	return 0;
}
