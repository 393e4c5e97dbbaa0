/* SPDX-License-Identifier: MIT */
/*
 * Tests groups of counters, and histograms, in a storm (storm.h), while other threads read and reset them. A sequence is one
 * add to each of the group's counters, in order, on any CPUs, with or without rseq. In each read, no counter is therefore above
 * the counter before it. In a histogram, each record is in the right bucket of exactly one reset's result.
 */
#include "expect.h"
#include "storm.h"

#define COUNT 6

static struct rk_counter_group *group;
static struct rk_histogram *histogram;
/*
 * `added`: finished sequences. `half_done`: sequences of which only the first half is done. `returned`: the sum of all
 * values that resets returned.
 */
static int64_t added, half_done, returned;
/*
 * `recorded`: records in the histogram so far. `records_returned`: records that resets returned. `value_recorded`: the sum
 * of the recorded values.
 */
static uint64_t recorded, records_returned, value_recorded;
static uint64_t reads, resets, busy, late;

static enum rk_result some_way(uint64_t *random)
{
	return draw(random) % 4 == 0 ? RK_NO_RSEQ : RK_ABORTED;
}

static void add(size_t first, size_t last, uint64_t *random)
{
	for (size_t i = first; i <= last; i++)
		if (draw(random) % 4 == 0)
			rki_counter_group_add_slow(group, i, 1, some_way(random));
		else
			rk_counter_group_add(group, i, 1);
}

/*
 * Does the second half of a sequence whose first half this thread or another thread did. Returns false if no sequence
 * is half done.
 */
static bool finish_one(uint64_t *random)
{
	int64_t there = __atomic_load_n(&half_done, __ATOMIC_RELAXED);

	while (there > 0)
		if (__atomic_compare_exchange_n(&half_done, &there, there - 1, 1, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
			add(COUNT / 2, COUNT - 1, random);
			__atomic_fetch_add(&added, 1, __ATOMIC_RELEASE);
			return true;
		}
	return false;
}

static void use(uint64_t *random)
{
	uint64_t value = draw(random) % 16;

	add(0, COUNT / 2 - 1, random);
	__atomic_fetch_add(&half_done, 1, __ATOMIC_RELEASE);
	(void)finish_one(random);
	rk_histogram_record(histogram, value);
	__atomic_fetch_add(&recorded, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&value_recorded, value, __ATOMIC_RELAXED);
}

static void live(struct storm_thread *t)
{
	storm_use(t, use);
}

static bool in_order(const int64_t *values)
{
	for (int i = 1; i < COUNT; i++)
		if (values[i] > values[i - 1])
			return false;
	return values[COUNT - 1] >= 0;
}

static uint64_t value_returned;

static void take_records(void)
{
	struct rk_histogram_snapshot *s;
	uint64_t sum = 0;
	int r = rk_histogram_snapshot_create(&s, histogram);

	EXPECT(r == 0);
	r = rk_histogram_reset(histogram, s);

	EXPECT(r == 0 || r == -EBUSY || r == -EAGAIN);
	for (size_t i = 0; i < s->buckets; i++)
		sum += s->counts[i] * rk_histogram_bucket_lowest(s, i);
	if (r == 0) {
		__atomic_fetch_add(&records_returned, s->count, __ATOMIC_RELAXED);
		__atomic_fetch_add(&value_returned, sum, __ATOMIC_RELAXED);
	}
	EXPECT(rk_histogram_snapshot_destroy(s) == 0);
}

/*
 * Reads the group. If the read succeeds, its values must be in order. Only values that a reset returns, or that are
 * read after a reset, can be out of order; no thread resets this group.
 */
static void look(uint64_t *random)
{
	int64_t values[COUNT];
	int r = rk_counter_group_read(group, values, COUNT);

	EXPECT(r == 0 || r == -EBUSY || r == -EAGAIN);
	EXPECT(r != 0 || in_order(values));
	__atomic_fetch_add(r == 0 ? &reads : r == -EBUSY ? &busy : &late, 1, __ATOMIC_RELAXED);
	if (draw(random) % 8 == 0)
		take_records();
}

static void handle(struct storm_thread *t)
{
	for (int i = 0; i < 4; i++)
		use(&t->handler_random);
	if (draw(&t->handler_random) % 16 == 0)
		look(&t->handler_random);
}

/* Checks in a child that the counters are in order, and that the group works. */
static int child(void)
{
	uint64_t random = 88172645463325252;
	int64_t before[COUNT], values[COUNT];

	alarm(60);
	CHECK(rk_counter_group_read(group, before, COUNT) == 0 && in_order(before));
	for (int i = 0; i < 100; i++)
		use(&random);
	CHECK(rk_counter_group_reset(group, values, COUNT) == 0);
	for (int i = 0; i < COUNT; i++)
		CHECK(values[i] == before[i] + 100);
	CHECK(rk_counter_group_read(group, values, COUNT) == 0 && values[0] == 0 && in_order(values));
	return wrong == 0 ? 0 : 1;
}

static void *keep_reading(void *stop)
{
	uint64_t random = 2463534242 ^ (uintptr_t)&random;
	int64_t last[COUNT] = {0};

	while (!__atomic_load_n((int *)stop, __ATOMIC_RELAXED)) {
		int64_t values[COUNT];
		int64_t before = __atomic_load_n(&added, __ATOMIC_ACQUIRE);
		int r = rk_counter_group_read(group, values, COUNT);

		EXPECT(r == 0 || r == -EBUSY || r == -EAGAIN);
		if (r == 0) {
			EXPECT(in_order(values));
			EXPECT(values[COUNT - 1] >= before);
			for (int i = 0; i < COUNT; i++)
				EXPECT(values[i] >= last[i]);
			memcpy(last, values, sizeof(last));
		}
		__atomic_fetch_add(r == 0 ? &reads : r == -EBUSY ? &busy : &late, 1, __ATOMIC_RELAXED);
		take_records();
		if (draw(&random) % 4 == 0)
			usleep(20);
	}
	return NULL;
}

static void *keep_resetting(void *stop)
{
	while (!__atomic_load_n((int *)stop, __ATOMIC_RELAXED)) {
		int64_t values[COUNT];
		int r = rk_counter_group_reset(group, values, COUNT);

		EXPECT(r == 0 || r == -EBUSY || r == -EAGAIN);
		if (r == 0) {
			__atomic_fetch_add(&returned, values[0], __ATOMIC_RELAXED);
			__atomic_fetch_add(&resets, 1, __ATOMIC_RELAXED);
		}
		usleep(20);
	}
	return NULL;
}

static void create(void)
{
	added = half_done = returned = 0;
	recorded = records_returned = value_recorded = value_returned = 0;
	reads = resets = busy = late = 0;
	assert_int_equal(rk_counter_group_create(&group, NULL, COUNT), 0);
	assert_int_equal(rk_histogram_create(&histogram, 3, 15), 0);
}

static void done(void)
{
	int64_t values[COUNT];
	uint64_t random = 362436069;

	while (finish_one(&random))
		;
	printf("# %llu reads, %llu resets, %llu busy, %llu late; %lld added\n", (unsigned long long)reads,
	       (unsigned long long)resets, (unsigned long long)busy, (unsigned long long)late, (long long)added);
	assert_int_equal(rk_counter_group_read(group, values, COUNT), 0);
	assert_int_equal(returned + values[0], added);
	for (int i = 0; i < COUNT && resets == 0; i++)
		assert_int_equal(values[i], added);
	take_records();
	assert_int_equal(records_returned, recorded);
	assert_int_equal(value_returned, value_recorded);
	assert_int_equal(wrong, 0);
	assert_int_equal(rk_counter_group_destroy(group), 0);
	assert_int_equal(rk_histogram_destroy(histogram), 0);
}

static bool enough_reads(void)
{
	return count_now(&reads) > 0;
}

static void read_in_order(void **state)
{
	static const struct storm weather = {live, handle, NULL, child, keep_reading, 2, enough_reads};

	(void)state;
	create();
	storm_run(&weather);
	assert_true(enough_reads());
	done();
}

static void use_only(struct storm_thread *t)
{
	use(&t->handler_random);
}

static int child_goes_on(void)
{
	int64_t values[COUNT];

	alarm(60);
	CHECK(rk_counter_group_reset(group, values, COUNT) == 0);
	rk_counter_group_add(group, 0, 1);
	CHECK(rk_counter_group_reset(group, values, COUNT) == 0 && values[0] == 1);
	return 0;
}

static bool enough_resets(void)
{
	return count_now(&resets) > 0;
}

static void reset_by_two(void **state)
{
	static const struct storm weather = {live, use_only, NULL, child_goes_on, keep_resetting, 2, enough_resets};

	(void)state;
	create();
	storm_run(&weather);
	assert_true(enough_resets());
	done();
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(read_in_order),
	cmocka_unit_test(reset_by_two),
};

RUN(tests)
