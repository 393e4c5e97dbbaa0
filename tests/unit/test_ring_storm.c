/* SPDX-License-Identifier: MIT */
/*
 * Tests rings in a storm (storm.h). The first ring drops new records if it is full. Some threads read one CPU's records
 * of this ring, and others merge the records of all CPUs. The second ring overwrites old records, and threads take
 * snapshots of it. The invariant is the invariant of records.h. Each record that was written to the first ring, and not
 * reported as dropped, is read. CPUs can go offline and come back during the test.
 */
#include "records.h"
#include "storm.h"

#define WRITERS (2 * STORM_THREADS_MAX) /* two writers for each thread: the thread itself and its handler */
#define INDEXES 64                      /* the CPUs, and the overflow ring */

static struct rk_ring *ring, *overwriting;

/*
 * For each writer: its next number, and how many records it wrote. `kept` counts records of the first ring, and
 * `written` counts records of the second ring.
 */
static uint64_t next_number[WRITERS], kept[WRITERS], dropped, written[WRITERS];

/*
 * For each index and each writer: the number of the last record that was read. An index has only one reader at a time, so no
 * other reader uses the same row.
 */
static uint64_t seen[INDEXES][WRITERS], seen_in_snapshots[INDEXES][WRITERS];
static uint64_t read_of[WRITERS], reads, merges, snapshots, in_snapshots, wakes;

static size_t make(void *buffer, uint32_t writer, uint64_t *random)
{
	size_t length = draw(random) % 8 == 0 ? draw(random) % 1500 : draw(random) % 64;

	return make_record(buffer, writer, ++next_number[writer], length);
}

static void write_some(uint32_t writer, uint64_t *random)
{
	char buffer[2000];
	size_t length = make(buffer, writer, random);
	int r;

	switch (draw(random) % 16) {
	case 0: /* writes as a thread without rseq does */
		r = rki_ring_write_slow(ring, buffer, length, draw(random) % 2 == 0, RK_NO_RSEQ);
		break;
	case 1:
	case 2:
	case 3:
		r = rk_ring_write(ring, buffer, length);
		break;
	default:
		r = rk_ring_write_stamped(ring, buffer, length);
	}
	EXPECT(r == 0 || r == -ENOBUFS);
	if (r == 0)
		kept[writer]++;
	else
		__atomic_fetch_add(&dropped, 1, __ATOMIC_RELAXED);
	length = make(buffer, writer, random);
	r = rk_ring_write(overwriting, buffer, length <= rk_ring_largest(overwriting) ? length : 0);
	written[writer] += r == 0;
}

/*
 * Merges have returned every record whose stamp is lower than this time. look_at() also checks that the numbers of
 * each writer count up at each index.
 */
static uint64_t merged_up_to;

static void look_at(const struct rk_ring_record *record, uint64_t (*last)[WRITERS], bool count)
{
	struct head head = {.writer = WRITERS};

	EXPECT(is_whole(record));
	if (record->length >= sizeof(head))
		head = head_of(record);
	EXPECT(head.writer < WRITERS);
	if (head.writer >= WRITERS || record->cpu + 1 >= INDEXES)
		return;
	EXPECT(head.number > last[record->cpu + 1][head.writer]);
	EXPECT(!count || record->time == 0 || record->time >= __atomic_load_n(&merged_up_to, __ATOMIC_RELAXED));
	last[record->cpu + 1][head.writer] = head.number;
	if (count)
		__atomic_fetch_add(&read_of[head.writer], 1, __ATOMIC_RELAXED);
}

static void live(struct storm_thread *t)
{
	for (unsigned batches = 1 + draw(&t->random) % 64; batches > 0 && !stopped(); batches--) {
		for (int i = 0; i < STORM_BATCH && !stopped(); i++) {
			write_some((uint32_t)t->number * 2, &t->random);
			if (draw(&t->random) % 64 == 0)
				usleep(10);
		}
		if (batches % 4 == 0 && rk_vfork_begin() == 0) { /* with the thread unregistered */
			write_some((uint32_t)t->number * 2, &t->random);
			EXPECT(rk_vfork_end() == 0);
		}
	}
}

static void handle(struct storm_thread *t)
{
	for (int i = 0; i < 4; i++)
		write_some((uint32_t)t->number * 2 + 1, &t->handler_random);
}

/* All merges together return the records in order of their stamps. */
static int see(void *context, const struct rk_ring_record *record)
{
	static uint64_t last; /* needs no lock, because only one merge runs at a time */

	(void)context;
	EXPECT(record->time >= last || record->time == 0);
	last = record->time > last ? record->time : last;
	look_at(record, seen, true);
	return 0;
}

static void merge(void)
{
	uint64_t now = rk_ring_clock(), before = __atomic_load_n(&merged_up_to, __ATOMIC_RELAXED);

	if (rk_ring_merge(ring, see, NULL) < 0)
		return;
	__atomic_fetch_add(&merges, 1, __ATOMIC_RELAXED);
	while (before < now && !__atomic_compare_exchange_n(&merged_up_to, &before, now, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

static void read_one(struct rk_ring *from, int index, uint64_t (*last)[WRITERS], bool count)
{
	struct rk_ring_reader reader;
	struct rk_ring_record record;
	int r = rk_ring_open(from, index, &reader, sizeof(reader));

	EXPECT(r >= 0 || r == -EBUSY || (r == -EAGAIN && from == overwriting && index == RK_INDEX_OVERFLOW));
	if (r < 0)
		return;
	for (int n = 0; rk_ring_next(&reader, &record) && n < 10000; n++) {
		look_at(&record, last, count);
		if (!count)
			__atomic_fetch_add(&in_snapshots, 1, __ATOMIC_RELAXED);
		else if (n % 8 == 0)
			rk_ring_release(&reader);
	}
	rk_ring_release(&reader);
	EXPECT(rk_ring_close(&reader) == 0);
	__atomic_fetch_add(count ? &reads : &snapshots, 1, __ATOMIC_RELAXED);
}

static int any_index(uint64_t *random)
{
	return draw(random) % 4 == 0 ? RK_INDEX_OVERFLOW : any_cpu(random);
}

/*
 * A child can find records again that a thread of the parent was reading, so it first clears `seen` and `seen_in_snapshots`.
 */
static int child(void)
{
	uint64_t random = 88172645463325252;

	alarm(60);
	memset(seen, 0, sizeof(seen));
	memset(seen_in_snapshots, 0, sizeof(seen_in_snapshots));
	for (int i = 0; i < 100; i++)
		write_some(0, &random);
	for (int cpu = RK_INDEX_OVERFLOW; cpu < rk_cpus_count(); cpu = cpu < 0 ? 0 : cpu + 1) {
		read_one(ring, cpu, seen, true);
		read_one(overwriting, cpu, seen_in_snapshots, false);
	}
	CHECK(rk_ring_destroy(ring) == 0 && rk_ring_destroy(overwriting) == 0);
	return wrong == 0 ? 0 : 1;
}

static void *keep_reading(void *stop)
{
	uint64_t random = 2463534242 ^ (uintptr_t)&random;

	while (!__atomic_load_n((int *)stop, __ATOMIC_RELAXED)) {
		uint64_t what = draw(&random) % 8;

		if (what == 0 && rk_ring_wait_for(ring, 2000000) == 0)
			__atomic_fetch_add(&wakes, 1, __ATOMIC_RELAXED);
		if (what == 1)
			merge();
		else if (what < 6)
			read_one(ring, any_index(&random), seen, true);
		else
			read_one(overwriting, any_index(&random), seen_in_snapshots, false);
	}
	return NULL;
}

static bool enough(void)
{
	return count_now(&reads) > 0 && count_now(&merges) > 0 && count_now(&in_snapshots) > 0;
}

static void storm(void **state)
{
	static const struct storm weather = {live, handle, NULL, child, keep_reading, 2, enough};
	struct rk_ring_options options = {.size = 65536};
	uint64_t wrote = 0, read = 0;

	(void)state;
	assert_int_equal(rk_ring_create(&ring, &options, sizeof(options)), 0);
	options.flags = RK_RING_OVERWRITE;
	options.size = 16384;
	assert_int_equal(rk_ring_create(&overwriting, &options, sizeof(options)), 0);
	storm_run(&weather);
	for (int cpu = RK_INDEX_OVERFLOW; cpu < rk_cpus_count(); cpu++) {
		uint64_t before = reads;

		read_one(ring, cpu, seen, true);
		assert_int_equal(reads, before + 1); /* the read succeeded, because no other thread reads now */
	}
	for (int i = 0; i < WRITERS; i++) {
		assert_int_equal(read_of[i], kept[i]);
		wrote += kept[i];
		read += read_of[i];
	}
	printf("# %llu written, %llu read, %llu dropped; %llu reads, %llu merges, %llu waits ended; %llu snapshots of %llu records\n",
	       (unsigned long long)wrote, (unsigned long long)read, (unsigned long long)dropped, (unsigned long long)reads,
	       (unsigned long long)merges, (unsigned long long)wakes, (unsigned long long)snapshots,
	       (unsigned long long)in_snapshots);
	assert_int_equal(rk_ring_dropped(ring, RK_INDEX_ALL), dropped);
	assert_true(read > 0 && enough());
	assert_int_equal(wrong, 0);
	assert_int_equal(rk_ring_destroy(ring), 0);
	assert_int_equal(rk_ring_destroy(overwriting), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(storm),
};

RUN(tests)
