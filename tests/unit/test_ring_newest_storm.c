/* SPDX-License-Identifier: MIT */
/*
 * Tests rk_ring_newest() in a storm (storm.h): threads and their handlers write stamped records to an overwriting ring as fast
 * as they can, while other threads read its newest records. The invariant is the invariant of records.h. The records come in
 * the order of their stamps, and from the time `since` on none is missing: the numbers of each writer then count up by 1.
 */
#include "records.h"
#include "storm.h"

#define WRITERS (2 * STORM_THREADS_MAX) /* two writers for each thread: the thread itself and its handler */
#define NEWEST 1000

static struct rk_ring *ring;
static uint64_t next_number[WRITERS];
static uint64_t readings, complete, whole_rings, in_readings, busy;

static void write_some(uint32_t writer, uint64_t *random)
{
	char buffer[200];
	size_t length = make_record(buffer, writer, next_number[writer] + 1, draw(random) % 100);
	int r;

	if (draw(random) % 16 == 0)
		r = rki_ring_write_slow(ring, buffer, length, 1, RK_NO_RSEQ); /* writes as a thread without rseq does */
	else
		r = rk_ring_write_stamped(ring, buffer, length);
	EXPECT(r == 0 || r == -ENOBUFS);
	next_number[writer] += r == 0;
}

static void live(struct storm_thread *t)
{
	for (unsigned batches = 1 + draw(&t->random) % 64; batches > 0 && !stopped(); batches--) {
		for (int i = 0; i < STORM_BATCH && !stopped(); i++)
			write_some((uint32_t)t->number * 2, &t->random);
		if (batches % 4 == 0 && rk_vfork_begin() == 0) { /* with the thread unregistered */
			write_some((uint32_t)t->number * 2, &t->random);
			EXPECT(rk_vfork_end() == 0);
		}
	}
}

struct reading {
	uint64_t since, before, time, first;
	size_t n;
	bool in_child;
	uint64_t last[WRITERS];
};

static int see(void *context, const struct rk_ring_record *record)
{
	struct reading *reading = context;
	struct head head = {.writer = WRITERS};
	uint64_t *last;

	EXPECT(is_whole(record) && record->time < reading->before && record->time >= reading->time);
	reading->time = record->time;
	if (reading->n++ == 0)
		reading->first = record->time;
	if (record->length >= sizeof(head))
		head = head_of(record);
	EXPECT(head.writer < WRITERS);
	if (head.writer >= WRITERS)
		return 0;
	last = &reading->last[head.writer];
	EXPECT(head.number > *last);
	/* A child can lack a record that a thread of the parent was keeping. */
	EXPECT(*last == 0 || reading->in_child || record->time < reading->since || head.number == *last + 1);
	/* A gap may be before `since` only. The first number that is checked is that of the first record from `since` on. */
	*last = record->time >= reading->since ? head.number : 0;
	return 0;
}

static void handle(struct storm_thread *t)
{
	static int one_in_handlers;

	for (int i = 0; i < 4; i++)
		write_some((uint32_t)t->number * 2 + 1, &t->handler_random);
	/* A handler's stack has room for one reading, but one at a time is enough. */
	if (draw(&t->handler_random) % 16 == 0 && __atomic_exchange_n(&one_in_handlers, 1, __ATOMIC_ACQUIRE) == 0) {
		static struct reading reading;

		reading = (struct reading){.before = rk_ring_clock()};
		(void)rk_ring_newest(ring, reading.before, NEWEST, &reading.since, see, &reading);
		__atomic_store_n(&one_in_handlers, 0, __ATOMIC_RELEASE);
	}
}

static int look(struct reading *reading, size_t most)
{
	int r;

	reading->before = rk_ring_clock();
	r = rk_ring_newest(ring, reading->before, most, &reading->since, see, reading);
	EXPECT(r == 0 || r == -EBUSY);
	EXPECT(reading->n <= most);
	return r;
}

static int child(void)
{
	struct reading reading = {.in_child = true}, again = {.in_child = true};
	uint64_t random = 88172645463325252;

	alarm(60);
	CHECK(look(&reading, SIZE_MAX) == 0);
	for (int i = 0; i < 100; i++)
		write_some(WRITERS - 1, &random); /* other numbers can be of threads that had written and not yet counted */
	CHECK(look(&again, NEWEST) == 0);
	CHECK(rk_ring_destroy(ring) == 0);
	return wrong == 0 ? 0 : 1;
}

static void *keep_reading(void *stop)
{
	uint64_t random = 2463534242 ^ (uintptr_t)&random;

	while (!__atomic_load_n((int *)stop, __ATOMIC_RELAXED)) {
		struct reading reading = {0};
		size_t most = draw(&random) % 4 == 0 ? SIZE_MAX : NEWEST;

		if (look(&reading, most) < 0) {
			__atomic_fetch_add(&busy, 1, __ATOMIC_RELAXED);
			continue;
		}
		__atomic_fetch_add(&readings, 1, __ATOMIC_RELAXED);
		__atomic_fetch_add(most == NEWEST ? &complete : &whole_rings, most == SIZE_MAX || reading.since <= reading.first,
				   __ATOMIC_RELAXED);
		__atomic_fetch_add(&in_readings, reading.n, __ATOMIC_RELAXED);
		if (draw(&random) % 4 != 0)
			usleep(1000); /* between readings, the rings are overwritten */
	}
	return NULL;
}

static bool enough(void)
{
	return count_now(&readings) > 0 && count_now(&complete) > 0 && count_now(&whole_rings) > 0;
}

static void storm(void **state)
{
	static const struct storm weather = {live, handle, NULL, child, keep_reading, 2, enough};
	struct rk_ring_options options = {.size = 131072, .flags = RK_RING_OVERWRITE};

	(void)state;
	assert_int_equal(rk_ring_create(&ring, &options, sizeof(options)), 0);
	storm_run(&weather);
	printf("# %llu readings of %llu records, %llu of the newest ones complete; %llu busy; %llu dropped\n",
	       (unsigned long long)readings, (unsigned long long)in_readings, (unsigned long long)complete,
	       (unsigned long long)busy, (unsigned long long)rk_ring_dropped(ring, RK_INDEX_ALL));
	assert_int_equal(wrong, 0);
	assert_int_equal(rk_ring_destroy(ring), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(storm),
};

RUN(tests)
