/* SPDX-License-Identifier: MIT */
/*
 * Tests histograms: buckets of all precisions, and the figures of snapshots, resets and merges. test_groups_storm.c
 * tests whether snapshots are consistent.
 */
#include "refuse.h"

static struct rk_histogram *histogram;

/* Returns a new snapshot that contains the histogram's records. */
static struct rk_histogram_snapshot *read_it(struct rk_histogram *from)
{
	struct rk_histogram_snapshot *s;

	assert_int_equal(rk_histogram_snapshot_create(&s, from), 0);
	assert_int_equal(rk_histogram_read(from, s), 0);
	return s;
}

/*
 * Records `value`. Returns the one bucket that counts the value. If the value is above all buckets, returns the
 * number of buckets.
 */
static size_t bucket_of(uint64_t value, struct rk_histogram_snapshot *s)
{
	size_t bucket = 0;

	rk_histogram_record(histogram, value);
	assert_int_equal(rk_histogram_reset(histogram, s), 0);
	assert_int_equal(s->count, 1);
	while (bucket < s->buckets && s->counts[bucket] == 0)
		bucket++;
	assert_int_equal(s->above, bucket == s->buckets);
	return bucket;
}

/* Checks that the buckets leave no gap, and that none is wider than rseqkit/histogram.h promises. */
static void buckets_are_log_linear(void **state)
{
	struct rk_histogram_snapshot *s;

	(void)state;
	for (int bits = 1; bits <= 8; bits++) {
		assert_int_equal(rk_histogram_create(&histogram, bits, UINT64_MAX), 0);
		assert_int_equal(rk_histogram_buckets(histogram), (size_t)(65 - bits) << bits);
		s = read_it(histogram);
		assert_int_equal(s->buckets, rk_histogram_buckets(histogram));
		assert_int_equal(s->bits, bits);
		assert_int_equal(rk_histogram_bucket_lowest(s, 0), 0);
		for (size_t i = 0; i < s->buckets; i++) {
			uint64_t lowest = rk_histogram_bucket_lowest(s, i), highest = rk_histogram_bucket_highest(s, i);

			assert_true(lowest <= highest && highest - lowest <= lowest >> bits);
			if (i + 1 < s->buckets)
				assert_int_equal(rk_histogram_bucket_lowest(s, i + 1), highest + 1);
			else
				assert_int_equal(highest, UINT64_MAX);
		}
		for (uint64_t value = 1; value != 0; value <<= 1)
			for (uint64_t v = value - 1; v <= value + 1; v++) {
				size_t bucket = bucket_of(v, s);

				assert_true(rk_histogram_bucket_lowest(s, bucket) <= v);
				assert_true(rk_histogram_bucket_highest(s, bucket) >= v);
			}
		assert_int_equal(bucket_of(UINT64_MAX, s), s->buckets - 1);
		assert_int_equal(rk_histogram_snapshot_destroy(s), 0);
		assert_int_equal(rk_histogram_destroy(histogram), 0);
	}
}

/* Clears the histogram's member `lzcnt`, as if the processor lacked this instruction. The buckets must be the same. */
static void buckets_are_the_same_without_lzcnt(void **state)
{
	struct rk_histogram_snapshot *s;
	struct rki_group_head *head;
	uint8_t has;

	(void)state;
	assert_int_equal(rk_histogram_create(&histogram, 5, UINT64_MAX), 0);
	s = read_it(histogram);
	head = (struct rki_group_head *)((uintptr_t)histogram - 2 * RK_STRIDE);
	has = head->lzcnt;
	for (uint64_t value = 1; value != 0; value <<= 1)
		for (uint64_t v = value - 1; v <= value + 1; v++) {
			size_t bucket = bucket_of(v, s);

			head->lzcnt = 0;
			assert_int_equal(bucket_of(v, s), bucket);
			head->lzcnt = has;
		}
	assert_int_equal(rk_histogram_snapshot_destroy(s), 0);
	assert_int_equal(rk_histogram_destroy(histogram), 0);
}

/* The histogram's highest value is rounded up to the end of its bucket. One count includes all values above that bucket. */
static void values_above_are_counted_together(void **state)
{
	struct rk_histogram_snapshot *s, *t;
	uint64_t end;
	size_t last;

	(void)state;
	for (int bits = 1; bits <= 13; bits++) {
		assert_int_equal(rk_histogram_create(&histogram, bits, 1000), 0);
		s = read_it(histogram);
		last = s->buckets - 1;
		end = rk_histogram_bucket_highest(s, last);
		assert_true(end >= 1000 && rk_histogram_bucket_lowest(s, last) <= 1000);
		assert_int_equal(bucket_of(1000, s), last);
		assert_int_equal(bucket_of(end, s), last);
		assert_int_equal(rk_histogram_max(s), end);
		assert_int_equal(bucket_of(end + 1, s), s->buckets);
		assert_int_equal(bucket_of(UINT64_MAX, s), s->buckets);
		assert_int_equal(rk_histogram_min(s), end + 1);
		assert_int_equal(rk_histogram_max(s), end + 1);
		assert_int_equal(rk_histogram_percentile(s, 50), end + 1);
		assert_true(rk_histogram_mean(s) == (double)(end + 1));
		rk_histogram_record_many(histogram, 1 << 20, 3);
		rk_histogram_record(histogram, 1);
		assert_int_equal(rk_histogram_read(histogram, s), 0);
		assert_true(s->count == 4 && s->above == 3 && s->counts[1] == 1);
		assert_int_equal(rk_histogram_percentile(s, 25), 1);
		assert_int_equal(rk_histogram_percentile(s, 26), end + 1);
		t = read_it(histogram);
		assert_int_equal(rk_histogram_merge(s, t), 0);
		assert_true(s->count == 8 && s->above == 6);
		assert_int_equal(rk_histogram_snapshot_destroy(t), 0);
		assert_int_equal(rk_histogram_snapshot_destroy(s), 0);
		assert_int_equal(rk_histogram_destroy(histogram), 0);
	}
	assert_int_equal(rk_histogram_create(&histogram, 3, 0), 0);
	assert_int_equal(rk_histogram_buckets(histogram), 1);
	s = read_it(histogram);
	assert_int_equal(bucket_of(0, s), 0);
	assert_int_equal(bucket_of(7, s), 1);
	assert_int_equal(rk_histogram_snapshot_destroy(s), 0);
	assert_int_equal(rk_histogram_destroy(histogram), 0);
}

static void tells_percentiles(void **state)
{
	struct rk_histogram_snapshot *s;

	(void)state;
	assert_int_equal(rk_histogram_create(&histogram, 6, 1 << 20), 0);
	s = read_it(histogram);
	assert_true(rk_histogram_min(s) == 0 && rk_histogram_max(s) == 0 && rk_histogram_percentile(s, 50) == 0);
	assert_true(rk_histogram_mean(s) == 0);
	for (uint64_t v = 1; v <= 100; v++)
		rk_histogram_record(histogram, v);
	assert_int_equal(rk_histogram_read(histogram, s), 0);
	assert_int_equal(s->count, 100);
	assert_int_equal(rk_histogram_min(s), 1);
	assert_int_equal(rk_histogram_max(s), 100);
	assert_true(rk_histogram_mean(s) == 50.5);
	assert_int_equal(rk_histogram_percentile(s, -1), 1);
	assert_int_equal(rk_histogram_percentile(s, 0), 1);
	assert_int_equal(rk_histogram_percentile(s, 0.1), 1);
	assert_int_equal(rk_histogram_percentile(s, 1), 1);
	assert_int_equal(rk_histogram_percentile(s, 1.1), 2);
	assert_int_equal(rk_histogram_percentile(s, 1.5), 2);
	assert_int_equal(rk_histogram_percentile(s, 50), 50);
	assert_int_equal(rk_histogram_percentile(s, 99), 99);
	assert_int_equal(rk_histogram_percentile(s, 99.9), 100);
	assert_int_equal(rk_histogram_percentile(s, 100), 100);
	assert_int_equal(rk_histogram_percentile(s, 1000), 100);
	rk_histogram_record_many(histogram, 100000, 900);
	assert_int_equal(rk_histogram_read(histogram, s), 0);
	assert_int_equal(s->count, 1000);
	assert_int_equal(rk_histogram_percentile(s, 10), 100);
	assert_true(rk_histogram_percentile(s, 10.1) >= 100000 && rk_histogram_percentile(s, 10.1) < 101563);
	assert_true(rk_histogram_max(s) == rk_histogram_percentile(s, 99));
	assert_true(rk_histogram_mean(s) > 89000 && rk_histogram_mean(s) < 91500);
	/* Percentiles are right even if a double can't represent the counts exactly. */
	memset(s->counts, 0, s->buckets * sizeof(*s->counts));
	s->count = (uint64_t)1 << 62;
	s->counts[1] = s->count / 2 - 1;
	s->counts[9] = s->count / 2 + 1;
	assert_int_equal(rk_histogram_percentile(s, 50), 9);
	s->counts[1]++;
	s->counts[9]--;
	assert_int_equal(rk_histogram_percentile(s, 50), 1);
	assert_int_equal(rk_histogram_snapshot_destroy(s), 0);
	assert_int_equal(rk_histogram_destroy(histogram), 0);
}

static void merges(void **state)
{
	struct rk_histogram_snapshot *s, *t;
	struct rk_histogram *other;

	(void)state;
	assert_int_equal(rk_histogram_create(&histogram, 4, 1000), 0);
	assert_int_equal(rk_histogram_create(&other, 4, 1000), 0);
	rk_histogram_record(histogram, 1);
	rk_histogram_record(other, 1);
	rk_histogram_record(other, 500);
	s = read_it(histogram);
	t = read_it(other);
	assert_int_equal(rk_histogram_merge(s, t), 0);
	assert_int_equal(s->count, 3);
	assert_int_equal(s->counts[1], 2);
	assert_int_equal(rk_histogram_min(s), 1);
	assert_true(rk_histogram_max(s) >= 500);
	assert_int_equal(rk_histogram_merge(NULL, t), -EINVAL);
	assert_int_equal(rk_histogram_merge(s, NULL), -EINVAL);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(rk_histogram_snapshot_destroy(t), 0);
		assert_int_equal(rk_histogram_destroy(other), 0);
		assert_int_equal(rk_histogram_create(&other, 4 + i, 2000 - 1000 * (uint64_t)i), 0);
		t = read_it(other);
		assert_int_equal(rk_histogram_merge(s, t), -EINVAL);
		assert_int_equal(rk_histogram_read(histogram, t), -EINVAL);
		assert_int_equal(rk_histogram_reset(other, s), -EINVAL);
	}
	assert_int_equal(s->count, 3);
	assert_int_equal(rk_histogram_snapshot_destroy(t), 0);
	assert_int_equal(rk_histogram_snapshot_destroy(s), 0);
	assert_int_equal(rk_histogram_destroy(other), 0);
	assert_int_equal(rk_histogram_destroy(histogram), 0);
}

/*
 * Groups and histograms of the same size use memory of the same pool. Functions for groups must refuse histograms,
 * and functions for histograms must refuse groups.
 */
static void groups_are_no_histograms(void **state)
{
	struct rk_counter_group *group;

	(void)state;
	assert_int_equal(rk_counter_group_create(&group, NULL, 3), 0);
	assert_int_equal(rk_histogram_create(&histogram, 1, 1), 0);
	assert_int_equal(rk_histogram_buckets(histogram), 2);
	assert_int_equal(rk_histogram_destroy((struct rk_histogram *)group), -EINVAL);
	assert_int_equal(rk_counter_group_destroy((struct rk_counter_group *)histogram), -EINVAL);
	assert_int_equal(rk_counter_group_destroy(group), 0);
	assert_int_equal(rk_histogram_destroy(histogram), 0);
	/* The new structure gets the memory of a histogram or a group that was destroyed. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(rk_counter_group_create(&group, NULL, 2), 0);
		assert_int_equal(rk_histogram_destroy((struct rk_histogram *)group), -EINVAL);
	}
}

static void refuses(void **state)
{
	struct rk_histogram_snapshot *s;
	uint64_t nothing[16] = {0};

	(void)state;
	assert_int_equal(rk_histogram_create(NULL, 4, 1000), -EINVAL);
	for (int bits = -1; bits <= 65; bits++) {
		const char *fault = rk_histogram_fault(bits, UINT64_MAX);

		assert_int_equal(rk_histogram_create(&histogram, bits, UINT64_MAX), fault == NULL ? 0 : -EINVAL);
		assert_true((histogram != NULL) == (bits >= 1 && bits <= 8));
		if (fault != NULL)
			assert_non_null(strstr(fault, bits >= 1 && bits <= 13 ? "buckets" : "bits isn't"));
		assert_int_equal(rk_histogram_destroy(histogram), 0);
	}
	assert_int_equal(rk_histogram_create(&histogram, 13, RK_HISTOGRAM_BUCKETS_MAX), -EINVAL);
	assert_non_null(strstr(rk_histogram_fault(13, RK_HISTOGRAM_BUCKETS_MAX), "buckets"));
	assert_null(rk_histogram_fault(13, RK_HISTOGRAM_BUCKETS_MAX - 1));
	assert_int_equal(rk_histogram_create(&histogram, 13, RK_HISTOGRAM_BUCKETS_MAX - 1), 0);
	assert_int_equal(rk_histogram_buckets(histogram), RK_HISTOGRAM_BUCKETS_MAX);
	assert_int_equal(rk_histogram_destroy(histogram), 0);
	assert_int_equal(rk_histogram_destroy(NULL), 0);
	assert_int_equal(rk_histogram_destroy((struct rk_histogram *)(void *)nothing), -EINVAL);
	assert_int_equal(rk_histogram_create(&histogram, 4, 1000), 0);
	assert_int_equal(rk_histogram_snapshot_create(NULL, histogram), -EINVAL);
	assert_int_equal(rk_histogram_snapshot_create(&s, NULL), -EINVAL);
	assert_null(s);
	assert_int_equal(rk_histogram_snapshot_destroy(NULL), 0);
	s = read_it(histogram);
	assert_int_equal(rk_histogram_read(NULL, s), -EINVAL);
	assert_int_equal(rk_histogram_read(histogram, NULL), -EINVAL);
	assert_int_equal(rk_histogram_reset(histogram, NULL), -EINVAL);
	assert_int_equal(rk_histogram_destroy(histogram), 0);
	assert_int_equal(rk_histogram_destroy(histogram), -EINVAL);
	assert_int_equal(s->count, 0);
	assert_int_equal(rk_histogram_snapshot_destroy(s), 0);
}

static struct rk_histogram_snapshot *before;

/* Runs in a child. Resets, records and reads while a seccomp filter refuses fences. */
static int read_without_a_fence(void)
{
	refuse(SYS_membarrier, SYS_sched_setaffinity, EPERM);
	CHECK(rk_histogram_reset(histogram, before) == -EHOSTUNREACH && before->count == 12 && before->counts[3] == 12);
	rk_histogram_record(histogram, 3);
	CHECK(rk_histogram_read(histogram, before) == -EHOSTUNREACH && before->count == 13);
	return 0;
}

static void total(void **state)
{
	(void)state;
	assert_int_equal(rk_histogram_create(&histogram, 4, 1000), 0);
	before = read_it(histogram);
	rk_histogram_record(histogram, 3);
	assert_int_equal(rk_vfork_begin(), 0);
	rk_histogram_record_many(histogram, 3, 10);
	assert_int_equal(rk_vfork_end(), 0);
	rk_histogram_record(histogram, 3);
	if (getenv("UNDER_VALGRIND") == NULL) /* valgrind doesn't support filters */
		assert_int_equal(in_child(read_without_a_fence), 0);
	assert_int_equal(rk_histogram_reset(histogram, before), 0);
	assert_int_equal(before->count, 12);
	assert_int_equal(before->counts[3], 12);
	assert_int_equal(rk_histogram_reset(histogram, before), 0);
	assert_int_equal(before->count, 0);
	assert_int_equal(rk_histogram_snapshot_destroy(before), 0);
	assert_int_equal(rk_histogram_destroy(histogram), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(buckets_are_log_linear),
	cmocka_unit_test(buckets_are_the_same_without_lzcnt),
	cmocka_unit_test(values_above_are_counted_together),
	cmocka_unit_test(tells_percentiles),
	cmocka_unit_test(merges),
	cmocka_unit_test(groups_are_no_histograms),
	cmocka_unit_test(refuses),
	cmocka_unit_test(total),
};

RUN(tests)
