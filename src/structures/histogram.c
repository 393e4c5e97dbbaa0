/* SPDX-License-Identifier: MIT */
/*
 * histogram.c - histograms: a group of counters each (counter_group.c), and what snapshots of them tell.
 *
 * The invariant: buckets are numbered without a gap in the order of their values, so the number of one has all that is
 * to know about it.
 */
#include <rseqkit/histogram.h>

#include <errno.h>
#include <float.h>
#include <string.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif
#include "counter_group.h"

#define BITS_MAX 13 /* with 13 each value has a bucket, up to 16379; more add nothing */

/* In a virtual machine CPUID leaves it, which takes many times as long as all else that a creation does. */
static bool has_lzcnt(void)
{
#ifdef __x86_64__
	static signed char answer; /* 1 yes, -1 no, 0 until it is known */
	signed char known = __atomic_load_n(&answer, __ATOMIC_RELAXED);
	unsigned a, b, c, d;

	if (known == 0) {
		known = __get_cpuid(0x80000001, &a, &b, &c, &d) != 0 && (c & bit_LZCNT) != 0 ? 1 : -1;
		__atomic_store_n(&answer, known, __ATOMIC_RELAXED);
	}
	return known > 0;
#else
	return false;
#endif
}

int rk_histogram_create(struct rk_histogram **histogram, int bits, uint64_t highest)
{
	uint64_t last;
	void *group;
	int shift, r;

	if (histogram == NULL)
		return -EINVAL;
	*histogram = NULL;
	if (bits < 1 || bits > BITS_MAX)
		return -EINVAL;
	shift = 63 - __builtin_clzll(highest | (uint64_t)1 << bits) - bits;
	last = ((uint64_t)shift << bits) + (highest >> shift);
	if (last >= RK_HISTOGRAM_BUCKETS_MAX)
		return -EINVAL;
	r = rk_group_create(&group, (size_t)last + 1, __builtin_return_address(0));
	if (r < 0)
		return r;
	rk_group_head(group)->bits = (uint8_t)bits;
	rk_group_head(group)->lzcnt = has_lzcnt();
	rk_group_head(group)->width = (uint64_t)1 << bits;
	rk_group_head(group)->highest = highest;
	*histogram = (struct rk_histogram *)group;
	return 0;
}

int rk_histogram_destroy(struct rk_histogram *histogram)
{
	return rk_group_destroy(histogram, true, __builtin_return_address(0));
}

size_t rk_histogram_buckets(const struct rk_histogram *histogram)
{
	return rk_group_head(histogram)->count;
}

/* After a read of a histogram, or of what has its buckets. */
static bool has_room_for(const struct rk_histogram_snapshot *s)
{
	return s->counts != NULL && s->room >= s->buckets;
}

static int read_buckets(struct rk_histogram *histogram, struct rk_histogram_snapshot *s, size_t size, bool reset)
{
	int r;

	if (histogram == NULL || s == NULL || size < sizeof(*s))
		return -EINVAL;
	memset(s + 1, 0, size - sizeof(*s)); /* what a later release knows */
	s->buckets = rk_group_head(histogram)->count;
	s->bits = rk_group_head(histogram)->bits;
	s->count = 0;
	if (!has_room_for(s))
		return -EINVAL;
	r = rk_group_read(histogram, (int64_t *)s->counts, s->buckets, reset);
	for (size_t i = 0; i < s->buckets; i++)
		s->count += s->counts[i];
	return r;
}

int rk_histogram_read(struct rk_histogram *histogram, struct rk_histogram_snapshot *snapshot, size_t size)
{
	return read_buckets(histogram, snapshot, size, false);
}

int rk_histogram_reset(struct rk_histogram *histogram, struct rk_histogram_snapshot *snapshot, size_t size)
{
	return read_buckets(histogram, snapshot, size, true);
}

/* By how many bits the values of a bucket were shifted. */
static int shift_of(const struct rk_histogram_snapshot *s, size_t bucket)
{
	return bucket >> s->bits == 0 ? 0 : (int)(bucket >> s->bits) - 1;
}

uint64_t rk_histogram_bucket_lowest(const struct rk_histogram_snapshot *snapshot, size_t bucket)
{
	int shift = shift_of(snapshot, bucket);

	return (uint64_t)(bucket - ((size_t)shift << snapshot->bits)) << shift;
}

uint64_t rk_histogram_bucket_highest(const struct rk_histogram_snapshot *snapshot, size_t bucket)
{
	return rk_histogram_bucket_lowest(snapshot, bucket) + (((uint64_t)1 << shift_of(snapshot, bucket)) - 1);
}

/* The bucket of the value of that rank, counted from 1. There is one. */
static size_t bucket_of_rank(const struct rk_histogram_snapshot *s, uint64_t rank)
{
	size_t bucket = 0;

	for (uint64_t seen = s->counts[0]; seen < rank && bucket + 1 < s->buckets; seen += s->counts[bucket])
		bucket++;
	return bucket;
}

uint64_t rk_histogram_min(const struct rk_histogram_snapshot *snapshot)
{
	return snapshot->count == 0 ? 0 : rk_histogram_bucket_lowest(snapshot, bucket_of_rank(snapshot, 1));
}

uint64_t rk_histogram_max(const struct rk_histogram_snapshot *snapshot)
{
	return snapshot->count == 0 ? 0 :
		       rk_histogram_bucket_highest(snapshot, bucket_of_rank(snapshot, snapshot->count));
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
	return sum / (double)snapshot->count;
}

/*
 * How many values are `percent` of so many: no less, rounded up. By integers where the percentage is one of binary fractions;
 * others are rounded themselves, and 99.9% of 1000 are to be 999.
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
	return rk_histogram_bucket_highest(snapshot, bucket_of_rank(snapshot, rank));
}

int rk_histogram_merge(struct rk_histogram_snapshot *into, const struct rk_histogram_snapshot *from)
{
	if (into == NULL || from == NULL || into->bits != from->bits || into->buckets != from->buckets || !has_room_for(into) ||
	    !has_room_for(from))
		return -EINVAL;
	for (size_t i = 0; i < into->buckets; i++)
		into->counts[i] += from->counts[i];
	into->count += from->count;
	return 0;
}
