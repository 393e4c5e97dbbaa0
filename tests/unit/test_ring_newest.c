/* SPDX-License-Identifier: MIT */
/*
 * Tests rk_ring_newest(), which reads the newest records of an overwriting ring. The records of all CPUs come in the order of
 * their stamps (times), and stay in the ring.
 */
#include "expect.h"
#include "rings.h"
#include <time.h>

#define MOST 20000

static struct {
	uint64_t numbers[MOST], times[MOST];
	size_t n, stop_at;
	uint64_t since;
} seen;

static int see(void *context, const struct rk_ring_record *record)
{
	(void)context;
	if (seen.n == seen.stop_at)
		return 77;
	EXPECT(is_whole(record));
	CHECK(seen.n < MOST);
	seen.numbers[seen.n] = head_of(record).number;
	seen.times[seen.n++] = record->time;
	return 0;
}

static int newest(uint64_t before, size_t most)
{
	seen.n = 0;
	seen.stop_at = MOST;
	seen.since = 12345;
	return rk_ring_newest(ring, before, most, &seen.since, see, NULL);
}

/* Checks that the records count up to `last`, and that their times don't decrease. */
static void check_up_to(uint64_t last)
{
	for (size_t i = 0; i < seen.n; i++) {
		assert_int_equal(seen.numbers[i], last - (seen.n - 1 - i));
		assert_true(i == 0 || seen.times[i] >= seen.times[i - 1]);
	}
}

static int write_stamped(uint64_t number, size_t length, bool overflow)
{
	char buffer[RECORD_LONGEST];

	length = make_record(buffer, 0, number, length);
	return overflow ? rki_ring_write_slow(ring, buffer, length, 1, RK_NO_RSEQ) : rk_ring_write_stamped(ring, buffer, length);
}

/* Records of all CPUs and of the overflow ring come in one order, as many as the caller wants, and again. */
static void in_order(void **state)
{
	uint64_t written = 0, times[4];

	(void)state;
	create(65536, RK_RING_OVERWRITE);
	assert_int_equal(newest(UINT64_MAX, SIZE_MAX), 0);
	assert_int_equal(seen.n, 0);
	assert_int_equal(seen.since, 0);
	for (int round = 0; round < 40; round++)
		for (int cpu = 0; cpu < CPU_SETSIZE && written < 400; cpu++) {
			if (!CPU_ISSET(cpu, &saved))
				continue;
			pin(cpu);
			if (written % 100 == 0)
				times[written / 100] = rk_ring_clock();
			assert_int_equal(write_stamped(written++, 24, false), 0);
			assert_int_equal(write_stamped(written++, 24, true), 0);
		}
	for (size_t most = 1; most <= written + 10; most += most < 10 ? 1 : most / 2) {
		assert_int_equal(newest(UINT64_MAX, most), 0);
		assert_int_equal(seen.n, most < written ? most : written);
		check_up_to(written - 1);
		assert_int_equal(seen.since, most < written ? seen.times[0] : 0);
	}
	for (uint64_t i = 0; i < written / 100; i++) {
		assert_int_equal(newest(times[i], 30), 0);
		assert_int_equal(seen.n, i == 0 ? 0 : 30);
		check_up_to(i * 100 - 1);
	}
	assert_int_equal(newest(UINT64_MAX, 0), 0);
	assert_int_equal(seen.n, 0);
	assert_int_equal(newest(0, 5), 0);
	assert_int_equal(seen.n, 0);
	seen.n = 0;
	seen.stop_at = 3;
	assert_int_equal(rk_ring_newest(ring, UINT64_MAX, 10, NULL, see, NULL), 77);
	assert_int_equal(seen.n, 3);
	assert_int_equal(newest(UINT64_MAX, SIZE_MAX), 0);
	assert_int_equal(seen.n, written);
	check_up_to(written - 1);
	assert_int_equal(wrong, 0);
	drop();
}

/*
 * Old records are overwritten, between calls and across calls. The records that are left have no gap, and end with the last
 * one. `since` is the time from which on they are complete. A ring has at least 6/8 of its size in whole blocks; a call can
 * cost another block.
 */
static void overwritten(void **state)
{
	(void)state;
	for (int overflow = 0; overflow < 2; overflow++) {
		uint64_t random = 88172645463325252, written = 0;

		create(16384, RK_RING_OVERWRITE);
		for (int round = 0; round < 400; round++) {
			uint64_t more = draw(&random) % (round % 4 == 0 ? 2000 : 40);
			size_t at_least;

			for (uint64_t i = 0; i < more; i++)
				assert_int_equal(write_stamped(written++, 24 + draw(&random) % 60, overflow), 0);
			assert_int_equal(newest(UINT64_MAX, SIZE_MAX), 0);
			check_up_to(written - 1);
			at_least = written * 100 < 12288 - 2048 ? written : (12288 - 2048) / 104;
			assert_true(seen.n >= at_least);
			if (seen.n == written)
				assert_int_equal(seen.since, 0);
			else
				assert_int_equal(seen.since, seen.times[0] + 1);
			if (seen.n > 5) {
				assert_int_equal(newest(UINT64_MAX, 5), 0);
				assert_int_equal(seen.n, 5);
				check_up_to(written - 1);
				assert_int_equal(seen.since, seen.times[0]);
			}
		}
		assert_int_equal(rk_ring_dropped(ring, RK_INDEX_ALL), 0);
		drop();
	}
}

/* The overflow ring overwrites, too, and is read by snapshots. */
static void overflow_snapshots(void **state)
{
	struct rk_ring_reader reader;
	struct rk_ring_record record = {0};
	uint64_t written = 0, next;

	(void)state;
	create(8192, RK_RING_OVERWRITE);
	here = RK_INDEX_OVERFLOW;
	assert_int_equal(read_all(0), 0);
	assert_int_equal(rk_ring_arm(ring), 0);
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 500; i++)
			assert_int_equal(write_stamped(written++, 24, true), 0);
		assert_int_equal(rk_ring_arm(ring), 1);
		assert_int_equal(rk_ring_open(ring, here, &reader, sizeof(reader)), 0);
		assert_int_equal(rk_ring_arm(ring), 1);
		assert_int_equal(rk_ring_next(&reader, &record), 1);
		next = head_of(&record).number;
		assert_true(next >= written - 500 && next <= written - 100);
		while (rk_ring_next(&reader, &record))
			assert_int_equal(head_of(&record).number, ++next);
		assert_int_equal(next, written - 1);
		assert_int_equal(write_stamped(written++, 24, true), 0);
		assert_int_equal(rk_ring_close(&reader), 0);
		assert_int_equal(read_all(written - 1), 1);
		assert_int_equal(read_all(0), 0);
		assert_int_equal(rk_ring_arm(ring), 0);
	}
	drop();
}

/* Records that rk_ring_open() took count as lost. */
static void beside_snapshots(void **state)
{
	(void)state;
	for (int overflow = 0; overflow < 2; overflow++) {
		create(65536, RK_RING_OVERWRITE);
		here = overflow ? RK_INDEX_OVERFLOW : here;
		for (uint64_t i = 0; i < 10; i++)
			assert_int_equal(write_stamped(i, 24, overflow), 0);
		assert_int_equal(newest(UINT64_MAX, SIZE_MAX), 0);
		assert_int_equal(seen.n, 10);
		for (uint64_t i = 10; i < 20; i++)
			assert_int_equal(write_stamped(i, 24, overflow), 0);
		assert_int_equal(read_all(10), 10);
		assert_int_equal(newest(UINT64_MAX, SIZE_MAX), 0);
		assert_int_equal(seen.n, 0);
		assert_true(seen.since > 0);
		for (uint64_t i = 20; i < 30; i++)
			assert_int_equal(write_stamped(i, 24, overflow), 0);
		assert_int_equal(newest(UINT64_MAX, SIZE_MAX), 0);
		assert_int_equal(seen.n, 10);
		check_up_to(29);
		assert_int_equal(seen.since, seen.times[0] + 1);
		drop();
	}
}

/* A reader, and a call inside a call, exclude the call. The call in `each` can write. */
static int nested, written_by_each;

static int nest(void *context, const struct rk_ring_record *record)
{
	(void)context;
	(void)record;
	nested = rk_ring_newest(ring, UINT64_MAX, 1, NULL, see, NULL);
	return write_stamped(100 + (uint64_t)written_by_each++, 24, false);
}

static void excluded(void **state)
{
	struct rk_ring_reader reader;

	(void)state;
	create(8192, 0);
	assert_int_equal(rk_ring_newest(ring, UINT64_MAX, 1, NULL, see, NULL), -EINVAL);
	drop();
	create(8192, RK_RING_OVERWRITE);
	assert_int_equal(rk_ring_newest(NULL, UINT64_MAX, 1, NULL, see, NULL), -EINVAL);
	assert_int_equal(rk_ring_newest(ring, UINT64_MAX, 1, NULL, NULL, NULL), -EINVAL);
	for (int index = RK_INDEX_OVERFLOW; index <= here; index++) {
		if (index >= 0 && !CPU_ISSET(index, &saved))
			continue;
		assert_int_equal(rk_ring_open(ring, index, &reader, sizeof(reader)), 0);
		assert_int_equal(newest(UINT64_MAX, 1), -EBUSY);
		assert_int_equal(rk_ring_close(&reader), 0);
		assert_int_equal(newest(UINT64_MAX, 1), 0);
	}
	for (uint64_t i = 0; i < 5; i++)
		assert_int_equal(write_stamped(i, 24, false), 0);
	assert_int_equal(rk_ring_newest(ring, UINT64_MAX, 5, NULL, nest, NULL), 0);
	assert_int_equal(nested, -EBUSY);
	assert_int_equal(written_by_each, 5);
	assert_int_equal(newest(UINT64_MAX, 5), 0);
	check_up_to(104);
	drop();
}

/*
 * If the fence fails, the records stay for a later call. The filter is for the calling thread only, so another thread makes the
 * later call.
 */
static int refused_result;

static void *refused(void *arg)
{
	refuse(SYS_membarrier, SYS_sched_setaffinity, EPERM);
	refused_result = newest(UINT64_MAX, SIZE_MAX);
	CHECK(newest(UINT64_MAX, SIZE_MAX) == refused_result);
	return arg;
}

static void fences_fail(void **state)
{
	pthread_t thread;

	(void)state;
	create(65536, RK_RING_OVERWRITE);
	for (uint64_t last = 10; last < 50; last += 10) {
		for (uint64_t i = last - 10; i < last; i++)
			assert_int_equal(write_stamped(i, 24, i % 2), 0);
		assert_int_equal(pthread_create(&thread, NULL, refused, NULL), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_int_equal(refused_result, -EHOSTUNREACH);
		assert_int_equal(seen.n, 0);
		if (last % 20 == 0)
			assert_int_equal(newest(UINT64_MAX, SIZE_MAX), 0);
		assert_int_equal(seen.n, last % 20 == 0 ? last : 0);
		check_up_to(last - 1);
	}
	drop();
}

static int64_t clock_now(clockid_t clock)
{
	struct timespec now;

	CHECK(clock_gettime(clock, &now) == 0);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Stamps are converted to times between those that were read before the stamp and after it, with 0.1 s for adjustments. */
static void times(void **state)
{
	const int64_t slack = 100000000;
	struct rk_ring_times reading;
	int64_t before[2], after[2], last = 0;
	uint64_t stamp;

	(void)state;
	create(8192, RK_RING_OVERWRITE);
	assert_int_equal(rk_ring_read_times(NULL, &reading, sizeof(reading)), -EINVAL);
	assert_int_equal(rk_ring_read_times(ring, NULL, sizeof(reading)), -EINVAL);
	for (int i = 0; i < 20; i++) {
		before[0] = clock_now(CLOCK_MONOTONIC);
		before[1] = clock_now(CLOCK_REALTIME);
		usleep(2000);
		stamp = rk_ring_clock();
		usleep(2000);
		after[0] = clock_now(CLOCK_MONOTONIC);
		after[1] = clock_now(CLOCK_REALTIME);
		assert_int_equal(rk_ring_read_times(ring, &reading, sizeof(reading)), 0);
		assert_true(rk_ring_monotonic(&reading, stamp) > before[0] - slack);
		assert_true(rk_ring_monotonic(&reading, stamp) < after[0] + slack);
		assert_true(rk_ring_realtime(&reading, stamp) > before[1] - slack);
		assert_true(rk_ring_realtime(&reading, stamp) < after[1] + slack);
	}
	for (int i = 0; i < 1000; i++, stamp += (uint64_t)i % 7) {
		assert_true(rk_ring_monotonic(&reading, stamp) >= last);
		last = rk_ring_monotonic(&reading, stamp);
	}
	drop();
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(in_order),
	cmocka_unit_test(overwritten),
	cmocka_unit_test(overflow_snapshots),
	cmocka_unit_test(beside_snapshots),
	cmocka_unit_test(excluded),
	cmocka_unit_test(fences_fail),
	cmocka_unit_test(times),
};

RUN(tests)
