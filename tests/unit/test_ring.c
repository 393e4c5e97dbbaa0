/* SPDX-License-Identifier: MIT */
/*
 * Tests rings of records and snapshots of them. Tests each function without other threads, also where a ring wraps
 * around, and with a full ring.
 */
#include "rings.h"

static void options_are_checked(void **state)
{
	const struct rk_ring_options bad[] = {
		{.size = 4096}, {.size = 8193}, {.size = 12288}, {.size = RK_RING_SIZE_MAX * 2}, {.flags = 4}};
	struct rk_ring_options good = {.size = 0};
	struct rk_ring_reader reader = {.ring = NULL};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ring = (struct rk_ring *)(void *)&good;
		assert_int_equal(rk_ring_create(&ring, &bad[i], sizeof(bad[i])), -EINVAL);
		assert_null(ring);
	}
	assert_int_equal(rk_ring_create(NULL, &good, sizeof(good)), -EINVAL);
	assert_int_equal(rk_ring_create(&ring, NULL, sizeof(struct rk_ring_options)), -EINVAL);
	assert_int_equal(rk_ring_create(&ring, &good, sizeof(good)), 0);
	assert_int_equal(rk_ring_open(NULL, 0, &reader, sizeof(reader)), -EINVAL);
	assert_int_equal(rk_ring_open(ring, 0, NULL, sizeof(struct rk_ring_reader)), -EINVAL);
	assert_int_equal(rk_ring_open(ring, RK_CPUS_MAX, &reader, sizeof(reader)), -EINVAL);
	assert_int_equal(rk_ring_open(ring, RK_INDEX_RESERVE, &reader, sizeof(reader)), -EINVAL);
	assert_int_equal(rk_ring_close(NULL), -EINVAL);
	assert_int_equal(rk_ring_close(&reader), -EINVAL);
	assert_int_equal(rk_ring_merge(NULL, NULL, NULL), -EINVAL);
	assert_int_equal(rk_ring_arm(NULL), -EINVAL);
	assert_int_equal(rk_ring_wait_for(NULL, 0), -EINVAL);
	assert_int_equal(rk_ring_notify(ring, -2), -EINVAL);
	assert_int_equal(rk_ring_dropped(ring, RK_CPUS_MAX), 0);
	assert_int_equal(rk_ring_destroy((struct rk_ring *)(void *)((char *)ring + 8)), -EINVAL);
	assert_int_equal(rk_ring_destroy(ring), 0);
	assert_int_equal(rk_ring_destroy(ring), -EINVAL);
	assert_int_equal(rk_ring_destroy(NULL), 0);
}

/* Writes and reads records of all lengths, until the ring has wrapped around many times. */
static void first_in_first_out(void **state)
{
	uint64_t written = 0, read = 0;
	size_t length = 16;

	(void)state;
	create(8192, 0);
	assert_int_equal(read_all(0), 0);
	while (written < 20000) {
		for (int i = 0; i < 3; i++) {
			length = (length * 7 + 13) % 1300;
			assert_int_equal(write_one(written++, length), 0);
		}
		read += read_all(read);
		assert_int_equal(read, written);
	}
	assert_int_equal(rk_ring_dropped(ring, RK_INDEX_ALL), 0);
	drop();
}

static void lengths(void **state)
{
	char data[RK_RING_RECORD_MAX + 1], *ends = data + 100;
	struct rk_ring_reader reader;
	struct rk_ring_record record = {.data = NULL};

	(void)state;
	for (size_t size = 8192; size <= (1 << 20); size *= 2)
		for (unsigned flags = 0; flags <= RK_RING_OVERWRITE; flags++) {
			size_t largest;

			create(size, flags);
			largest = rk_ring_largest(ring);
			assert_true(largest >= RK_RING_RECORD_ALWAYS && largest <= RK_RING_RECORD_MAX);
			assert_true(largest > (flags ? size / 8 : size / 2) - 32 || largest == RK_RING_RECORD_MAX);
			for (int i = 0; i < 20; i++) {
				memset(data, i, sizeof(data));
				assert_int_equal(rk_ring_write(ring, data, largest), 0);
				assert_int_equal(rk_ring_write(ring, data, largest + 1), -EMSGSIZE);
				assert_int_equal(rk_ring_write_stamped(ring, data, SIZE_MAX - 7), -EMSGSIZE);
				assert_int_equal(rk_ring_write_stamped(ring, NULL, 0), 0);
				assert_int_equal(rk_ring_open(ring, here, &reader, sizeof(reader)), 0);
				assert_int_equal(rk_ring_next(&reader, &record), 1);
				assert_int_equal(record.length, largest);
				assert_memory_equal(record.data, data, largest);
				assert_int_equal(record.time, 0);
				assert_int_equal(rk_ring_next(&reader, &record), 1);
				assert_int_equal(record.length, 0);
				assert_true(record.time != 0 && record.time <= rk_ring_clock());
				assert_int_equal(rk_ring_next(&reader, &record), 0);
				rk_ring_release(&reader);
				assert_int_equal(rk_ring_close(&reader), 0);
			}
			drop();
		}
	/* Tries all short lengths, with other bytes around the data. */
	create(8192, 0);
	for (size_t length = 0; length < 200; length++) {
		memset(data, 0x5a, sizeof(data));
		for (size_t i = 0; i < length; i++)
			ends[i] = (char)(i + length);
		assert_int_equal(rk_ring_write_stamped(ring, ends, length), 0);
		assert_int_equal(rk_ring_write(ring, ends, length), 0);
		assert_int_equal(rk_ring_open(ring, here, &reader, sizeof(reader)), 0);
		for (int i = 0; i < 2; i++) {
			assert_int_equal(rk_ring_next(&reader, &record), 1);
			assert_int_equal(record.length, length);
			assert_memory_equal(record.data, ends, length);
		}
		rk_ring_release(&reader);
		assert_int_equal(rk_ring_close(&reader), 0);
	}
	drop();
}

/* Reads the last two records, which must both have this content. */
static void read_pair(const char *data, size_t length)
{
	struct rk_ring_reader reader;
	struct rk_ring_record record = {.data = NULL};

	assert_int_equal(rk_ring_open(ring, here, &reader, sizeof(reader)), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(rk_ring_next(&reader, &record), 1);
		assert_int_equal(record.length, length);
		assert_memory_equal(record.data, data, length);
	}
	rk_ring_release(&reader);
	assert_int_equal(rk_ring_close(&reader), 0);
}

/* A short record whose length is a constant takes a way of its own to the slow path: 1 to 16 bytes. */
static void short_constant_lengths(void **state)
{
	char data[48], *record = data + 16;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7 + 1);
	create(8192, 0);
#define PAIR(length)                                                                                                   \
	assert_int_equal(rk_ring_write(ring, record, length), 0);                                                      \
	assert_int_equal(rk_ring_write_stamped(ring, record, length), 0);                                              \
	read_pair(record, length)
	PAIR(1);
	PAIR(3);
	PAIR(4);
	PAIR(5);
	PAIR(7);
	PAIR(8);
	PAIR(9);
	PAIR(11);
	PAIR(12);
	PAIR(13);
	PAIR(15);
	PAIR(16);
	PAIR(17);
#undef PAIR
	drop();
}

/*
 * Records of different lengths, with and without a time, follow each other. The reader also finds padding between
 * records.
 */
static void forms_in_turn(void **state)
{
	static const size_t forms[] = {8, 40, 8, 40, 40, 0, 8, 500, 8};
	struct rk_ring_reader reader;
	struct rk_ring_record record = {.data = NULL};
	char data[500];

	(void)state;
	create(8192, 0);
	assert_int_equal(rk_ring_open(ring, here, &reader, sizeof(reader)), 0);
	for (int i = 0; i < 100; i++) {
		for (size_t form = 0; form < sizeof(forms) / sizeof(forms[0]); form++) {
			memset(data, (int)(form + 1), sizeof(data));
			assert_int_equal(rki_ring_write_any(ring, data, forms[form], form % 4 == 3), 0);
		}
		for (size_t form = 0; form < sizeof(forms) / sizeof(forms[0]); form++) {
			memset(data, (int)(form + 1), sizeof(data));
			assert_int_equal(rk_ring_next(&reader, &record), 1);
			assert_int_equal(record.length, forms[form]);
			assert_memory_equal(record.data, data, forms[form]);
			assert_int_equal(record.time != 0, form % 4 == 3);
		}
		assert_int_equal(rk_ring_next(&reader, &record), 0);
		rk_ring_release(&reader);
	}
	assert_int_equal(rk_ring_close(&reader), 0);
	drop();
}

/*
 * If the ring is full, a write counts its record as dropped. A reader gets the records that were written. Records
 * that a reader didn't release are read again.
 */
static void full(void **state)
{
	struct rk_ring_reader reader, second;
	struct rk_ring_record record = {.data = NULL};
	uint64_t n = 0, more;

	(void)state;
	create(8192, 0);
	while (write_one(n, 100) == 0)
		n++;
	assert_true(n >= 8192 / 128);
	for (int i = 0; i < 9; i++)
		assert_int_equal(write_one(n, 100), -ENOBUFS);
	assert_int_equal(rk_ring_dropped(ring, here), 10);
	assert_int_equal(rk_ring_dropped(ring, RK_INDEX_ALL), 10);
	assert_int_equal(rk_ring_open(ring, here, &reader, sizeof(reader)), 0);
	assert_int_equal(rk_ring_open(ring, here, &second, sizeof(second)), -EBUSY);
	assert_int_equal(rk_ring_next(&reader, &record), 1);
	assert_int_equal(head_of(&record).number, 0);
	rk_ring_release(&reader);
	assert_int_equal(rk_ring_next(&reader, &record), 1);
	assert_int_equal(head_of(&record).number, 1);
	assert_int_equal(rk_ring_close(&reader), 0);
	for (more = n; write_one(more, 40) == 0; more++)
		;
	assert_true(more > n);
	assert_int_equal(read_all(1), more - 1);
	assert_int_equal(write_one(more, 100), 0);
	assert_int_equal(read_all(more), 1);
	drop();
}

/*
 * A snapshot has the newest records, and they are whole. Writers reuse one eighth of the ring at a time, so only the
 * oldest records can be missing.
 */
static void snapshots(void **state)
{
	struct rk_ring_reader reader;
	struct rk_ring_record record;
	uint64_t written = 0;

	(void)state;
	if (!WITH_RSEQ())
		SKIP("no rseq: the overflow ring doesn't overwrite");
	create(65536, RK_RING_OVERWRITE);
	for (int round = 0; round < 40; round++) {
		uint64_t begin = written, first = 0, n = 0, bytes = 0;

		for (int i = 0; i < round * round * 3; i++)
			assert_int_equal(write_one(written++, (size_t)(i * 13 % 900)), 0);
		assert_int_equal(rk_ring_open(ring, here, &reader, sizeof(reader)), 0);
		assert_int_equal(write_one(written++, 100), 0); /* goes to other memory than the snapshot's */
		for (; rk_ring_next(&reader, &record); n++) {
			assert_true(is_whole(&record));
			first = n == 0 ? head_of(&record).number : first;
			assert_int_equal(head_of(&record).number, first + n);
			bytes += 8 + record.length;
		}
		assert_int_equal(rk_ring_next(&reader, &record), 0);
		rk_ring_release(&reader);
		assert_int_equal(rk_ring_close(&reader), 0);
		assert_int_equal(rk_ring_close(&reader), -EINVAL);
		if (n > 0)
			assert_int_equal(first + n, written - 1);
		/* In each round but the first, one record was written while the last snapshot was open. */
		assert_true(first == begin - (round > 0) || bytes > 65536 / 8 * 6);
	}
	assert_int_equal(rk_ring_dropped(ring, RK_INDEX_ALL), 0);
	drop();
}

/* If a seccomp filter refuses fences to a thread, the thread can't wait for records, and gets no snapshot. No record is lost. */
static int read_without_a_fence(void)
{
	struct rk_ring_options options = {.size = 0};
	struct rk_ring_reader reader;
	struct rk_ring *empty;

	CHECK(rk_ring_create(&empty, &options, sizeof(options)) == 0);
	refuse(SYS_membarrier, SYS_sched_setaffinity, EPERM);
	CHECK(rk_ring_arm(empty) == -EHOSTUNREACH && rk_ring_wait_for(empty, INT64_MAX) == -EHOSTUNREACH);
	CHECK(rk_ring_arm(ring) == 1); /* the ring has records */
	CHECK(rk_ring_open(ring, here, &reader, sizeof(reader)) == -EHOSTUNREACH);
	CHECK(rk_ring_open(ring, here, &reader, sizeof(reader)) == -EHOSTUNREACH);
	for (uint64_t i = 0; i < 1000; i++)
		CHECK(write_one(i, 100) == 0);
	return 0;
}

static void *open_in_vain(void *arg)
{
	struct rk_ring_reader reader;

	refuse(SYS_membarrier, SYS_sched_setaffinity, EPERM);
	CHECK(rk_ring_open(ring, here, &reader, sizeof(reader)) == -EHOSTUNREACH);
	return arg;
}

static void without_a_fence(void **state)
{
	struct rk_ring_reader reader;
	struct rk_ring_record record = {.data = NULL};
	pthread_t thread;
	uint64_t n = 0;

	(void)state;
	if (!WITH_RSEQ())
		SKIP("no rseq: all records are in the overflow ring");
	create(8192, RK_RING_OVERWRITE);
	for (uint64_t i = 0; i < 10; i++)
		assert_int_equal(write_one(i, 100), 0);
	assert_int_equal(in_child(read_without_a_fence), 0);
	assert_int_equal(read_all(0), 10);
	/*
	 * open_in_vain() runs in a thread whose fences a filter refuses. The next open returns the snapshot that this
	 * thread tried to take. The result 1 says that the snapshot is older than this open.
	 */
	for (uint64_t i = 0; i < 10; i++)
		assert_int_equal(write_one(i, 100), 0);
	assert_int_equal(pthread_create(&thread, NULL, open_in_vain, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(write_one(10, 100), 0);
	assert_int_equal(rk_ring_open(ring, here, &reader, sizeof(reader)), 1);
	for (; rk_ring_next(&reader, &record); n++)
		assert_int_equal(head_of(&record).number, n);
	assert_int_equal(n, 10);
	assert_int_equal(rk_ring_close(&reader), 0);
	assert_int_equal(read_all(10), 1);
	drop();
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(options_are_checked),
	cmocka_unit_test(first_in_first_out),
	cmocka_unit_test(lengths),
	cmocka_unit_test(short_constant_lengths),
	cmocka_unit_test(forms_in_turn),
	cmocka_unit_test(full),
	cmocka_unit_test(snapshots),
	cmocka_unit_test(without_a_fence),
};

RUN(tests)
