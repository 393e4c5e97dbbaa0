/* SPDX-License-Identifier: MIT */
/* Tests merges of rings. A merge returns the records of all CPUs, in the order of their stamps (times). */
#include "rings.h"
#include <rseqkit/ops_cpu.h>

struct seen {
	uint64_t times[100];
	int numbers[100]; /* the records' contents */
	int n, stop_at;
};

static int see(void *context, const struct rk_ring_record *record)
{
	struct seen *seen = context;

	if (seen->n == seen->stop_at)
		return 77;
	if (seen->n == 100)
		return 0;
	seen->numbers[seen->n] = *(const int *)record->data;
	seen->times[seen->n++] = record->time;
	return 0;
}

/*
 * Writes records on all CPUs in turn, and to the overflow ring, which is the ring of threads without rseq. The merge returns
 * them in the order of writing.
 */
static void merged(void **state)
{
	struct seen seen = {.stop_at = 1000};
	struct rk_ring_reader reader;
	int written = 0;

	(void)state;
	create(8192, 0);
	assert_int_equal(rk_ring_merge(ring, see, &seen), 0);
	for (int round = 0; round < 5; round++)
		for (int cpu = 0; cpu < CPU_SETSIZE && written < 90; cpu++) {
			if (!CPU_ISSET(cpu, &saved))
				continue;
			pin(cpu);
			assert_int_equal(rk_ring_write_stamped(ring, &written, sizeof(written)), 0);
			assert_int_equal(rki_ring_write_slow(ring, &written, sizeof(written), 1, RK_NO_RSEQ), 0);
			written += 2;
		}
	seen.stop_at = 3;
	assert_int_equal(rk_ring_merge(ring, see, &seen), 77);
	assert_int_equal(seen.n, 3);
	assert_int_equal(rk_ring_open(ring, here, &reader, sizeof(reader)), 0);
	assert_int_equal(rk_ring_merge(ring, see, &seen), -EBUSY);
	assert_int_equal(rk_ring_close(&reader), 0);
	seen.stop_at = 1000;
	assert_int_equal(rk_ring_merge(ring, see, &seen), 0);
	assert_int_equal(seen.n, written);
	for (int i = 1; i < seen.n; i++)
		assert_true(seen.times[i] >= seen.times[i - 1]);
	assert_int_equal(rk_ring_merge(ring, see, &seen), 0);
	assert_int_equal(seen.n, written);
	drop();
	create(8192, RK_RING_OVERWRITE);
	assert_int_equal(rk_ring_merge(ring, see, &seen), -EINVAL);
	drop();
}

/* With RK_RING_UNORDERED a merge returns all records, and those of a CPU in the order of writing. */
static void merged_unordered(void **state)
{
	struct seen seen = {.stop_at = 1000};
	uint64_t before = rk_ring_clock();
	int written = 0;

	(void)state;
	create(8192, RK_RING_UNORDERED);
	if (here >= 0)
		pin(here);
	for (; written < 90; written++)
		assert_int_equal(rk_ring_write_stamped(ring, &written, sizeof(written)), 0);
	assert_int_equal(rk_ring_merge(ring, see, &seen), 0);
	assert_int_equal(seen.n, written);
	for (int i = 0; i < seen.n; i++)
		assert_true(seen.numbers[i] == i && seen.times[i] >= before && seen.times[i] <= rk_ring_clock());
	drop();
}

/*
 * If two threads merge at the same time, one of them gets an error. The other thread's merge ends, and later merges
 * succeed.
 */
static void *keep_merging(void *arg)
{
	struct seen seen = {.stop_at = 0};

	for (int i = 0; i < 20000; i++) {
		int r = rk_ring_merge(ring, see, &seen);

		CHECK(r == 0 || r == -EBUSY);
	}
	return arg;
}

static void two_merge(void **state)
{
	struct seen seen = {.stop_at = 1};
	pthread_t threads[2];

	(void)state;
	create(8192, 0);
	assert_int_equal(sched_setaffinity(0, sizeof(saved), &saved), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, keep_merging, NULL), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(rk_ring_merge(ring, see, &seen), 0);
	drop();
}

static int forget(void *context, const struct rk_ring_record *record)
{
	(void)context;
	return record == NULL;
}

/*
 * The clock begins anew when a machine resumes from disk. A merge must not wait until the clock has reached the old
 * stamps again.
 */
static int tell_stamps(void *count, const struct rk_ring_record *record)
{
	return memcmp(record->data, ++*(int *)count == 1 ? "before" : "behind", 6) == 0 ? 0 : -1;
}

static void clock_begins_anew(void **state)
{
	const int64_t size = (int64_t)RKI_RING_BYTES(8, 1);
	struct {
		uint64_t time;
		char data[8];
	} before = {rk_ring_clock() + ((uint64_t)1 << 50), "before"};
	enum rk_result outcome = RK_ABORTED;
	int count = 0;

	(void)state;
	if (!WITH_RSEQ())
		SKIP("no rseq: nothing but the library writes to the overflow ring");
	create(8192, 0);
	assert_int_equal(rk_ring_write(ring, "x", 1), 0); /* the ring has room now */
	assert_int_equal(rk_ring_merge(ring, forget, NULL), 0);
	for (int i = 0; i < 100 && outcome == RK_ABORTED; i++)
		outcome = rk_cpu_bank_append_release(ring, 0, 8 | RKI_RING_STAMPED, &before, 16, size, 8191);
	assert_int_equal(outcome, RK_DONE);
	assert_int_equal(rk_ring_write_stamped(ring, "behind", 6), 0);
	assert_int_equal(rk_ring_write_stamped(ring, "behind", 6), 0);
	assert_int_equal(rk_ring_merge(ring, tell_stamps, &count), 0);
	assert_int_equal(count, 3);
	assert_int_equal(rk_ring_arm(ring), 0);
	drop();
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(merged),
	cmocka_unit_test(merged_unordered),
	cmocka_unit_test(two_merge),
	cmocka_unit_test(clock_begins_anew),
};

RUN(tests)
