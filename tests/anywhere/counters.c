/* SPDX-License-Identifier: MIT */
/*
 * counters.c - what rseqkit's counters promise, in one program for the library and for anywhere/. HEADERS is the header that
 * has the functions: <rseqkit.h>, "rseqkit-anywhere.h" or "rseqkit-all.h". The program prints TAP.
 */
#include HEADERS

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include "threads.h"

#ifndef ROUNDS
#define ROUNDS 20000
#endif
#define THREADS 8

static struct rk_counter *counter;
static struct rk_counter_static count = RK_COUNTER_STATIC;
RK_COUNTER_GROUP_STATIC(traffic, "requests", "answers");
static struct rk_counter_group *group;
static struct rk_histogram *histogram;
static struct rk_peak *peak;
static struct rk_peak_static longest = RK_PEAK_STATIC;
static struct rk_level *level, *exact;
static atomic_int running;
static atomic_long takers_sum;

static void in_threads(void (*work)(void *), int threads)
{
	test_thread all[THREADS * 2];

	for (intptr_t i = 0; i < threads; i++)
		all[i] = test_start(work, (void *)i);
	for (int i = 0; i < threads; i++)
		test_join(all[i]);
}

static void add_all(void *number)
{
	for (int i = 0; i < ROUNDS; i++) {
		rk_counter_add(counter, 3);
		rk_counter_add(counter, -1);
		rk_counter_static_add(&count, 1);
		rk_counter_group_add(group, (size_t)(intptr_t)number % 2, 1);
		rk_counter_group_static_add(&traffic, 1, 2);
		rk_histogram_record(histogram, (uint64_t)i);
		rk_peak_record_max(peak, i * (intptr_t)number);
		rk_peak_record_min(peak, -i * (intptr_t)number);
		rk_peak_static_record_max(&longest, i);
	}
}

static void test_adds(void)
{
	struct rk_histogram_snapshot *snapshot = NULL;
	int64_t values[2] = {-1, -1}, value = -1;

	CHECK(rk_counter_create(&counter) == 0 && rk_counter_sum(counter) == 0);
	CHECK(rk_counter_group_create(&group, NULL, 2) == 0);
	CHECK(rk_histogram_create(&histogram, 4, UINT64_MAX) == 0);
	CHECK(rk_histogram_snapshot_create(&snapshot, histogram) == 0);
	CHECK(rk_peak_create(&peak) == 0 && rk_peak_max(peak, &value) == -ENODATA && value == -1);
	in_threads(add_all, THREADS);
	CHECK(rk_counter_sum(counter) == 2 * THREADS * ROUNDS);
	CHECK(rk_counter_sum(rk_counter_static_get(&count)) == THREADS * ROUNDS);
	CHECK(rk_counter_group_read_relaxed(group, values, 2) == 0);
	CHECK(values[0] == THREADS / 2 * ROUNDS && values[1] == THREADS / 2 * ROUNDS);
	CHECK(rk_counter_group_read_relaxed(rk_counter_group_static_get(&traffic), values, 2) == 0);
	CHECK(values[0] == 0 && values[1] == 2 * THREADS * ROUNDS);
	CHECK(rk_histogram_read_relaxed(histogram, snapshot) == 0 && snapshot->count == THREADS * ROUNDS);
	CHECK(rk_peak_max(peak, &value) == 0 && value == (ROUNDS - 1) * (THREADS - 1));
	CHECK(rk_peak_min(peak, &value) == 0 && value == -(ROUNDS - 1) * (THREADS - 1));
	CHECK(rk_peak_max(rk_peak_static_get(&longest), &value) == 0 && value == ROUNDS - 1);
	CHECK(rk_peak_min(rk_peak_static_get(&longest), &value) == -ENODATA);
	rk_histogram_snapshot_destroy(snapshot);
	test_end("threads add exactly", NULL);
}

static void test_sums(void)
{
	struct rk_counter *other;

	CHECK(rk_counter_create(&other) == 0);
	rk_counter_add(other, INT64_MAX);
	rk_counter_add(other, 1);
	CHECK(rk_counter_sum(other) == INT64_MIN);
	CHECK(rk_counter_reset(other) == INT64_MIN && rk_counter_sum(other) == 0);
	rk_counter_add(other, -5);
	CHECK(rk_counter_sum(other) == -5 && rk_counter_reset(other) == -5 && rk_counter_reset(other) == 0);
	CHECK(rk_counter_destroy(other) == 0);
	test_end("sums wrap, and a reset subtracts", NULL);
}

static void take(void *number)
{
	if ((intptr_t)number == 0) {
		while (atomic_load(&running) > 0)
			atomic_fetch_add(&takers_sum, (long)rk_counter_reset(counter));
		return;
	}
	for (int i = 0; i < ROUNDS; i++)
		rk_counter_add(counter, 1);
	atomic_fetch_sub(&running, 1);
}

static void test_resets(void)
{
	rk_counter_reset(counter);
	atomic_store(&running, THREADS - 1);
	in_threads(take, THREADS);
	CHECK(atomic_load(&takers_sum) + (long)rk_counter_reset(counter) == (long)(THREADS - 1) * ROUNDS);
	test_end("each add is in one reset", NULL);
}

/*
 * Cuts. Threads form pairs: one counts a request and hands it to the other one, which counts the answer. One more thread reads.
 * No read has more answers than requests, and none has fewer of either than the read before it.
 */
static struct {
	_Alignas(128) atomic_int handed; /* requests that the first thread counted and handed over */
	atomic_int has_ended;
} pairs[THREADS];
static atomic_int cuts, cut_result;
static int wrong_cuts;

static void read_cuts(void)
{
	int64_t before[2] = {0, 0}, now[2];

	while (atomic_load(&running) > 0) {
		int r = rk_counter_group_read(group, now, 2);

		if (r != 0) {
			if (r != -EAGAIN)
				atomic_store(&cut_result, r);
			continue;
		}
		if (now[1] > now[0] || now[0] < before[0] || now[1] < before[1])
			wrong_cuts++;
		memcpy(before, now, sizeof(now));
		atomic_fetch_add(&cuts, 1);
	}
}

/* The first thread of a pair goes on until there are some cuts. */
static int is_needed(int round)
{
	return round < ROUNDS || (atomic_load(&cuts) < 50 && atomic_load(&cut_result) == 0 && round < 500 * ROUNDS);
}

static void hand(void *number)
{
	int pair = (int)(intptr_t)number / 2, i = 0;

	if ((intptr_t)number >= THREADS) {
		read_cuts();
		return;
	}
	if ((intptr_t)number % 2 == 0) {
		for (; is_needed(i); i++) {
			rk_counter_group_add(group, 0, 1);
			atomic_store(&pairs[pair].handed, i + 1);
		}
		atomic_store(&pairs[pair].has_ended, 1);
	} else {
		for (int tries = 1; atomic_load(&pairs[pair].has_ended) == 0 || atomic_load(&pairs[pair].handed) > i; tries++) {
			for (; i < atomic_load(&pairs[pair].handed); i++)
				rk_counter_group_add(group, 1, 1);
			if (tries % 64 == 0)
				test_yield();
		}
	}
	atomic_fetch_sub(&running, 1);
}

static void test_cuts(void)
{
	int64_t values[2] = {0, 0}, all = 0;
	const char *reason = NULL;

	CHECK(rk_counter_group_destroy(group) == 0 && rk_counter_group_create(&group, NULL, 2) == 0);
	atomic_store(&running, THREADS);
	in_threads(hand, THREADS + 1);
	CHECK(wrong_cuts == 0);
	if (atomic_load(&cut_result) == -EHOSTUNREACH)
		reason = "there is no fence here";
	else
		CHECK(atomic_load(&cut_result) == 0 && atomic_load(&cuts) > 0);
	CHECK(rk_counter_group_read_relaxed(group, values, 2) == 0);
	for (int pair = 0; pair < THREADS / 2; pair++)
		all += atomic_load(&pairs[pair].handed);
	CHECK(values[0] == all && values[1] == all);
	printf("# %d cuts\n", atomic_load(&cuts));
	test_end("no cut has more answers than requests", reason);
}

static int64_t reset_sums[THREADS * 2];

static void reset_group(void *number)
{
	int64_t values[2];

	if ((intptr_t)number >= THREADS) {
		while (atomic_load(&running) > 0)
			if (rk_counter_group_reset(group, values, 2) == 0)
				reset_sums[(intptr_t)number] += values[0] + values[1];
		return;
	}
	for (int i = 0; i < ROUNDS; i++)
		rk_counter_group_add(group, (size_t)i % 2, 1);
	atomic_fetch_sub(&running, 1);
}

static void test_group(void)
{
	static const char *const names[] = {"a", "b", "c"};
	struct rk_counter_group *other;
	int64_t values[3] = {7, 7, 7}, sum = 0;
	int r;

	CHECK(rk_counter_group_create(&other, names, 3) == 0 && rk_counter_group_count(other) == 3);
	CHECK(strcmp(rk_counter_group_name(other, 2), "c") == 0 && rk_counter_group_name(other, 3) == NULL);
	CHECK(rk_counter_group_name(group, 0) == NULL);
	rk_counter_group_add(other, 1, 5);
	rk_counter_group_add(other, 2, -6);
	r = rk_counter_group_read(other, values, 3);
	CHECK(r == 0 || r == -EHOSTUNREACH);
	CHECK(values[0] == 0 && values[1] == 5 && values[2] == -6);
	if (r == 0) {
		CHECK(rk_counter_group_reset(other, values, 2) == 0 && values[1] == 5);
		rk_counter_group_add(other, 1, 1);
		CHECK(rk_counter_group_read(other, values, 3) == 0 && values[1] == 1 && values[2] == -6);
		CHECK(rk_counter_group_read_relaxed(other, values, 3) == 0 && values[1] == 1 && values[2] == -6);
		CHECK(rk_counter_group_reset(other, values, 3) == 0 && values[1] == 1 && values[2] == -6);
		CHECK(rk_counter_group_read(other, values, 3) == 0 && values[1] == 0 && values[2] == 0);
		rk_counter_group_add(other, 2, 8);
		CHECK(rk_counter_group_reset(other, values, 1) == 0 && values[0] == 0);
		CHECK(rk_counter_group_read(other, values, 3) == 0 && values[1] == 0 && values[2] == 8);
		CHECK(rk_counter_group_destroy(group) == 0 && rk_counter_group_create(&group, NULL, 2) == 0);
		atomic_store(&running, THREADS);
		in_threads(reset_group, THREADS + 2);
		while (rk_counter_group_reset(group, values, 2) == -EAGAIN)
			;
		sum = values[0] + values[1] + reset_sums[THREADS] + reset_sums[THREADS + 1];
		CHECK(sum == (int64_t)THREADS * ROUNDS);
	}
	CHECK(rk_counter_group_read(other, values, 4) == -EINVAL && rk_counter_group_read(NULL, values, 1) == -EINVAL);
	CHECK(rk_counter_group_reset(other, NULL, 1) == -EINVAL && rk_counter_group_read_relaxed(other, values, 4) == -EINVAL);
	CHECK(rk_counter_group_destroy(other) == 0);
	test_end("groups, and each add is in one reset", NULL);
}

static void test_static(void)
{
	static struct rk_counter_static zeros;
	static struct rk_peak_static peaks = RK_PEAK_STATIC;
	struct rk_counter *made;
	int64_t value;

	rk_counter_static_add(&zeros, 2);
	made = rk_counter_static_get(&zeros);
	CHECK(made != NULL && rk_counter_static_get(&zeros) == made && rk_counter_sum(made) == 2);
	CHECK(rk_counter_static_destroy(&zeros) == 0 && zeros.counter == NULL);
	CHECK(rk_counter_sum(rk_counter_static_get(&zeros)) == 0 && rk_counter_static_destroy(&zeros) == 0);
	CHECK(rk_counter_static_destroy(NULL) == -EINVAL && rk_counter_static_destroy(&zeros) == 0);
	CHECK(traffic.count == 2 && strcmp(rk_counter_group_name(rk_counter_group_static_get(&traffic), 1), "answers") == 0);
	CHECK(rk_counter_group_static_destroy(&traffic) == 0 && rk_counter_group_static_destroy(NULL) == -EINVAL);
	CHECK(rk_peak_max(rk_peak_static_get(&peaks), &value) == -ENODATA);
	rk_peak_static_record_max(&peaks, -3);
	rk_peak_static_record_min(&peaks, -4);
	CHECK(rk_peak_max(rk_peak_static_get(&peaks), &value) == 0 && value == -3);
	CHECK(rk_peak_min(rk_peak_static_get(&peaks), &value) == 0 && value == -4);
	CHECK(rk_peak_static_destroy(&peaks) == 0 && rk_peak_static_destroy(NULL) == -EINVAL);
	CHECK(rk_peak_max(rk_peak_static_get(&peaks), &value) == -ENODATA && rk_peak_static_destroy(&peaks) == 0);
	test_end("static objects", NULL);
}

static uint64_t random_word(uint64_t *state)
{
	*state ^= *state << 13, *state ^= *state >> 7, *state ^= *state << 17;
	return *state;
}

/* A number that stands for all results on a fixed list of values. The library has the same number. */
static uint64_t digest(int bits, uint64_t highest)
{
	static const double percents[] = {-1, 0, 0.1, 1, 25, 50, 90, 99, 99.9, 99.99, 100, 101};
	struct rk_histogram_snapshot *s, *twice;
	struct rk_histogram *h;
	uint64_t state = 88172645463325252u, sum = 0;
	double mean;

	if (rk_histogram_create(&h, bits, highest) != 0 || rk_histogram_snapshot_create(&s, h) != 0 ||
	    rk_histogram_snapshot_create(&twice, h) != 0)
		return 0;
	for (int i = 0; i < 20000; i++) {
		uint64_t word = random_word(&state);

		rk_histogram_record_many(h, word >> (word & 63), 1 + (word >> 62));
	}
	for (int i = 0; i < 64; i++) {
		rk_histogram_record(h, (uint64_t)1 << i);
		rk_histogram_record(h, ((uint64_t)1 << i) - 1);
	}
	rk_histogram_record(h, UINT64_MAX);
	CHECK(rk_histogram_read_relaxed(h, s) == 0 && s->bits == bits && s->buckets == rk_histogram_buckets(h));
	CHECK(rk_histogram_merge(twice, s) == 0 && rk_histogram_merge(twice, s) == 0 && twice->count == 2 * s->count);
	for (size_t i = 0; i < s->buckets; i++) {
		CHECK(i == 0 || rk_histogram_bucket_lowest(s, i) == rk_histogram_bucket_highest(s, i - 1) + 1);
		sum = sum * 31 + s->counts[i] + rk_histogram_bucket_highest(s, i);
	}
	for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++)
		sum = sum * 31 + rk_histogram_percentile(s, percents[i]);
	mean = rk_histogram_mean(twice);
	sum = sum * 31 + rk_histogram_min(s);
	sum = sum * 31 + rk_histogram_max(s);
	sum = sum * 31 + s->above;
	sum = sum * 31 + s->count;
	sum = sum * 31 + (uint64_t)(mean / 2);
	CHECK(rk_histogram_snapshot_destroy(s) == 0 && rk_histogram_snapshot_destroy(twice) == 0);
	CHECK(rk_histogram_destroy(h) == 0);
	return sum;
}

static void test_histograms(void)
{
	struct rk_histogram_snapshot *s = NULL, *other = NULL;
	struct rk_histogram *h = NULL, *small = NULL;
	int r;

	/* run compares these lines of the two programs. */
	for (int bits = 1; bits <= 8; bits++)
		printf("# digest %d: %08lx%08lx\n", bits, (unsigned long)(digest(bits, UINT64_MAX) >> 32),
		       (unsigned long)(digest(bits, UINT64_MAX) & 0xffffffff));
	for (int bits = 1; bits <= 13; bits++)
		printf("# digest %d, 16000: %08lx%08lx\n", bits, (unsigned long)(digest(bits, 16000) >> 32),
		       (unsigned long)(digest(bits, 16000) & 0xffffffff));
	CHECK(rk_histogram_create(&h, 5, 1000000) == 0 && rk_histogram_snapshot_create(&s, h) == 0);
	CHECK(rk_histogram_percentile(s, 50) == 0 && rk_histogram_max(s) == 0 && rk_histogram_mean(s) == 0);
	CHECK(rk_histogram_bucket_highest(s, s->buckets - 1) == 1015807);
	for (uint64_t i = 1; i <= 1000; i++)
		rk_histogram_record(h, i);
	rk_histogram_record(h, 1015807);
	rk_histogram_record(h, 1015808);
	r = rk_histogram_reset(h, s);
	CHECK(r == 0 || r == -EHOSTUNREACH);
	CHECK(s->count == 1002 && s->above == 1 && rk_histogram_min(s) == 1 && rk_histogram_max(s) == 1015808);
	CHECK(rk_histogram_percentile(s, 10) == 101);
	if (r == 0)
		CHECK(rk_histogram_read(h, s) == 0 && s->count == 0);
	CHECK(rk_histogram_create(&small, 4, 100) == 0 && rk_histogram_snapshot_create(&other, small) == 0);
	CHECK(rk_histogram_read(h, other) == -EINVAL && rk_histogram_read(h, NULL) == -EINVAL);
	CHECK(rk_histogram_read(NULL, s) == -EINVAL && rk_histogram_read_relaxed(small, s) == -EINVAL);
	CHECK(rk_histogram_merge(s, other) == -EINVAL && rk_histogram_merge(s, NULL) == -EINVAL);
	CHECK(rk_histogram_fault(0, 1) != NULL && rk_histogram_fault(14, 1) != NULL && rk_histogram_fault(9, UINT64_MAX) != NULL);
	CHECK(rk_histogram_fault(8, UINT64_MAX) == NULL && rk_histogram_fault(13, 16000) == NULL);
	CHECK(rk_histogram_snapshot_destroy(s) == 0 && rk_histogram_snapshot_destroy(NULL) == 0);
	CHECK(rk_histogram_snapshot_destroy(other) == 0);
	CHECK(rk_histogram_create(NULL, 4, 1) == -EINVAL && rk_histogram_snapshot_create(&s, NULL) == -EINVAL && s == NULL);
	CHECK(rk_histogram_create(&h, 14, 1) == -EINVAL && h == NULL && rk_histogram_destroy(small) == 0);
	test_end("histograms", NULL);
}

static void record_peaks(void *number)
{
	int64_t value;

	if ((intptr_t)number == 0) {
		while (atomic_load(&running) > 0)
			if (rk_peak_max_reset(peak, &value) == 0 && value > atomic_load(&takers_sum))
				atomic_store(&takers_sum, (long)value);
		return;
	}
	for (int i = 0; i < ROUNDS; i++)
		rk_peak_record_max(peak, i * (intptr_t)number);
	atomic_fetch_sub(&running, 1);
}

static void test_peaks(void)
{
	int64_t value = 5;

	CHECK(rk_peak_max_reset(peak, &value) == 0);
	CHECK(rk_peak_max(peak, &value) == -ENODATA && rk_peak_min(peak, &value) == 0);
	rk_peak_record_max(peak, INT64_MIN);
	CHECK(rk_peak_max(peak, &value) == 0 && value == INT64_MIN + 1);
	rk_peak_record_max(peak, INT64_MAX);
	CHECK(rk_peak_max_reset(peak, &value) == 0 && value == INT64_MAX);
	CHECK(rk_peak_min_reset(peak, &value) == 0 && rk_peak_min(peak, &value) == -ENODATA);
	rk_peak_record_min(peak, INT64_MAX);
	CHECK(rk_peak_min(peak, &value) == 0 && value == INT64_MAX - 1);
	rk_peak_record_min(peak, INT64_MIN);
	CHECK(rk_peak_min(peak, &value) == 0 && value == INT64_MIN);
	CHECK(rk_peak_max(NULL, &value) == -EINVAL && rk_peak_max(peak, NULL) == -EINVAL);
	atomic_store(&takers_sum, 0);
	atomic_store(&running, THREADS - 1);
	in_threads(record_peaks, THREADS);
	if (rk_peak_max(peak, &value) == 0 && value > atomic_load(&takers_sum))
		atomic_store(&takers_sum, (long)value);
	CHECK(atomic_load(&takers_sum) == (THREADS - 1) * (ROUNDS - 1));
	test_end("peaks", NULL);
}

/* Each thread goes up by 100 and down again. All wait at the top, so the true peak is known. */
static atomic_int at_top;

static void climb(void *number)
{
	(void)number;
	for (int i = 0; i < ROUNDS / 10; i++) {
		rk_level_add(level, 1);
		rk_level_add(exact, 1);
		rk_level_add(level, -1);
		rk_level_add(exact, -1);
	}
	for (int i = 0; i < 100; i++) {
		rk_level_add(level, 1);
		rk_level_add(exact, 1);
	}
	atomic_fetch_add(&at_top, 1);
	while (atomic_load(&at_top) < THREADS)
		test_yield();
	for (int i = 0; i < 100; i++) {
		rk_level_add(level, -1);
		rk_level_add(exact, -1);
	}
}

static void test_levels(void)
{
	enum { ACCEPTED = 400 }; /* less than the peak, and more than two for each CPU or shard of common machines */
	int64_t highest;

	CHECK(rk_level_create(&level, ACCEPTED) == 0 && rk_level_create(&exact, 0) == 0 && rk_level_create(NULL, 0) == -EINVAL);
	CHECK(rk_level_get(level) == 0 && rk_level_peak(level) == 0);
	in_threads(climb, THREADS);
	CHECK(rk_level_get(level) == 0 && rk_level_get(exact) == 0);
	highest = rk_level_peak(exact);
	CHECK(highest == THREADS * 100);
	highest = rk_level_peak(level);
	CHECK(highest >= THREADS * 100 - ACCEPTED && highest <= THREADS * 100 + ACCEPTED * 2);
	CHECK(rk_level_peak_reset(exact) == THREADS * 100 && rk_level_peak(exact) == 0);
	rk_level_add(exact, -7);
	CHECK(rk_level_get(exact) == -7 && rk_level_peak_reset(exact) == 0 && rk_level_peak(exact) == -7);
	rk_level_add(level, 1000000);
	CHECK(rk_level_get(level) == 1000000 && rk_level_peak(level) >= 1000000 - ACCEPTED);
	CHECK(rk_level_destroy(level) == 0 && rk_level_destroy(exact) == 0 && rk_level_destroy(NULL) == 0);
	test_end("levels", NULL);
}

static void test_rates(void)
{
	struct rk_rate rate;
	int64_t covered = -1, now = 5;

	memset(&rate, 0, sizeof(rate));
	CHECK(rk_rate_events(&rate, RK_RATE_SECOND, &covered) == 0 && covered == 0);
	for (int64_t i = 0; i <= 200; i++, now += RK_RATE_SECOND / 2)
		rk_rate_note(&rate, now, i * 50);
	rk_rate_note(&rate, 7, 1000000); /* an earlier time */
	CHECK(rk_rate_events(&rate, RK_RATE_SECOND, &covered) == 100 && covered == RK_RATE_SECOND);
	CHECK(rk_rate_events(&rate, 10 * RK_RATE_SECOND, NULL) == 1000);
	CHECK(rk_rate_events(&rate, 1000 * RK_RATE_SECOND, &covered) > 6000 && covered < 200 * RK_RATE_SECOND);
	CHECK(rk_rate_events(&rate, 0, &covered) == 0 && covered == 0);
	test_end("rates", NULL);
}

static void test_misuse(void)
{
	struct rk_counter *other;
	int64_t word[2] = {0, 0};

	CHECK(rk_counter_create(NULL) == -EINVAL && rk_counter_group_create(NULL, NULL, 1) == -EINVAL);
	CHECK(rk_peak_create(NULL) == -EINVAL);
	CHECK(rk_counter_destroy(NULL) == 0 && rk_peak_destroy(NULL) == 0);
	CHECK(rk_counter_group_destroy(NULL) == 0 && rk_histogram_destroy(NULL) == 0);
	CHECK(rk_counter_create(&other) == 0 && rk_counter_destroy(other) == 0 && rk_counter_destroy(other) == -EINVAL);
	CHECK(rk_counter_destroy((struct rk_counter *)(void *)word) == -EINVAL);
	CHECK(rk_peak_destroy((struct rk_peak *)(void *)counter) == -EINVAL);
	CHECK(rk_level_destroy((struct rk_level *)(void *)counter) == -EINVAL);
	CHECK(rk_histogram_destroy((struct rk_histogram *)(void *)group) == -EINVAL);
	CHECK(rk_counter_group_destroy((struct rk_counter_group *)(void *)histogram) == -EINVAL);
	CHECK(rk_counter_group_create(&group, NULL, 0) == -EINVAL && group == NULL);
	CHECK(rk_counter_group_create(&group, NULL, RK_COUNTER_GROUP_MAX + 1) == -EINVAL);
	CHECK(rk_counter_group_create(&group, NULL, RK_COUNTER_GROUP_MAX) == 0);
	rk_counter_group_add(group, RK_COUNTER_GROUP_MAX - 1, 1);
	CHECK(rk_counter_group_destroy(group) == 0 && rk_counter_group_destroy(group) == -EINVAL);
	CHECK(RK_COUNTER_GROUP_MAX == 16380 && RK_HISTOGRAM_BUCKETS_MAX == 16379);
	CHECK(rk_counter_destroy(counter) == 0 && rk_histogram_destroy(histogram) == 0 && rk_peak_destroy(peak) == 0);
	for (int i = 0; i < 5000; i++) {
		static struct rk_counter *many[5000];

		CHECK(rk_counter_create(&many[i]) == 0 && rk_counter_sum(many[i]) == 0);
		rk_counter_add(many[i], i);
		if (i >= 1000)
			CHECK(rk_counter_sum(many[i - 1000]) == i - 1000 && rk_counter_destroy(many[i - 1000]) == 0);
		if (i == 4999)
			for (int j = 4000; j < 5000; j++)
				CHECK(rk_counter_destroy(many[j]) == 0);
	}
	CHECK(strcmp(rk_error_text(-EINVAL), "unknown") != 0 && strcmp(rk_error_text(-ENODATA), "unknown") != 0);
	CHECK(rk_version()[0] == '0' + RK_VERSION_MAJOR);
	test_end("create, destroy and misuse", NULL);
}

int main(void)
{
	test_adds();
	test_sums();
	test_resets();
	test_cuts();
	test_group();
	test_static();
	test_histograms();
	test_peaks();
	test_levels();
	test_rates();
	test_misuse();
	return test_finish();
}
