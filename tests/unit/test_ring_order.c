/* SPDX-License-Identifier: MIT */
/*
 * Tests that the stamps (times) of records from different CPUs are in order. Two threads write records. For each record, a
 * thread takes a lock, writes the record, gives it the next number, and releases the lock. A merge must therefore return
 * records whose numbers count up, whichever CPUs wrote them. Only records with equal stamps are an exception; emulators and
 * slow clocks make equal stamps. If a processor read the clock before its thread had the lock, the stamp would be too early.
 *
 * The test gives processors an opportunity for this mistake. Each thread loads the address of the lock from memory that
 * isn't in its CPU's own cache. While the processor waits for this memory, it can execute later instructions, because they need
 * nothing that the other thread has just written.
 */
#include "refuse.h"
#include "test.h"

#include <rseqkit/ring.h>

#define THREADS 2
#define RECORDS 50000 /* records that each thread writes in a round */
#define ROUNDS 16
#define PLACES (1 << 17) /* number of places; each has 64 bytes, and contains the lock's address */

static struct rk_ring *ring;
static uint32_t numbers[THREADS][RECORDS];
static int refused;

static struct place {
	struct place *next; /* all places form one circle */
	int *lock;
} __attribute__((__aligned__(64))) places[PLACES];

static struct {
	char before[64];
	int lock;
	char between[64];
	uint32_t next_number;
	char last[64];
} shared;

static void make_circle(void)
{
	for (unsigned i = 0; i < PLACES; i++) /* almost every next place is too far away to be prefetched */
		places[i] = (struct place){&places[(i * 5 + 12345) % PLACES], &shared.lock};
}

struct record {
	uint32_t thread, count;
};

struct writer {
	uint32_t number;
	int cpu, looks; /* `looks`: how many places the thread follows before it loads the lock's address */
	pthread_t thread;
};

static void *write_records(void *arg)
{
	struct writer *writer = arg;
	struct place *place = &places[PLACES / THREADS * writer->number];

	if (writer->cpu >= 0)
		pin(writer->cpu);
	for (uint32_t i = 0; i < RECORDS; i++) {
		struct record record = {writer->number, i};
		int r;

		for (int look = 0; look < writer->looks; look++)
			place = place->next;
		while (__atomic_exchange_n(place->lock, 1, __ATOMIC_ACQUIRE) != 0)
			if (writer->cpu < 0)
				sched_yield();
		r = rk_ring_write_stamped(ring, &record, sizeof(record));
		numbers[writer->number][i] = shared.next_number++;
		__atomic_store_n(&shared.lock, 0, __ATOMIC_RELEASE);
		if (r < 0)
			__atomic_fetch_add(&refused, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

struct seen {
	uint32_t records, changes, wrong, equal;
	uint32_t latest, before; /* the highest number so far, and the highest number with a lower stamp */
	uint64_t time;
	int cpu;
};

static int see(void *context, const struct rk_ring_record *record)
{
	struct seen *seen = context;
	struct record data;
	uint32_t number;

	memcpy(&data, record->data, sizeof(data));
	number = numbers[data.thread][data.count] + 1;
	if (record->time != seen->time)
		seen->before = seen->latest;
	seen->equal += record->time == seen->time;
	seen->time = record->time;
	seen->wrong += number <= seen->before;
	seen->latest = number > seen->latest ? number : seen->latest;
	seen->changes += record->cpu != seen->cpu;
	seen->cpu = record->cpu;
	seen->records++;
	return 0;
}

static void run_round(int looks, const int *cpus, struct seen *seen)
{
	struct rk_ring_options options = {.size = 4 << 20};
	struct writer writers[THREADS];

	*seen = (struct seen){.cpu = RK_INDEX_ALL};
	shared.next_number = 0;
	assert_int_equal(rk_ring_create(&ring, &options, sizeof(options)), 0);
	for (uint32_t i = 0; i < THREADS; i++) {
		writers[i] = (struct writer){.number = i, .cpu = cpus[i], .looks = looks};
		assert_int_equal(pthread_create(&writers[i].thread, NULL, write_records, &writers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(writers[i].thread, NULL), 0);
	assert_int_equal(refused, 0);
	assert_int_equal(rk_ring_merge(ring, see, seen), 0);
	assert_int_equal(rk_ring_destroy(ring), 0);
	assert_int_equal(seen->records, THREADS * RECORDS);
}

static void records_are_in_order(void **state)
{
	int cpus[THREADS], found = 0;
	uint32_t changes = 0, wrong = 0, equal = 0;
	cpu_set_t allowed;
	struct seen seen;

	(void)state;
	make_circle();
	assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	for (int cpu = 0; cpu < CPU_SETSIZE && found < THREADS; cpu++)
		if (CPU_ISSET(cpu, &allowed))
			cpus[found++] = cpu;
	if (found < THREADS)
		cpus[0] = cpus[1] = -1;
	for (int round = 0; round < ROUNDS; round++) {
		run_round(1 << round % 4, cpus, &seen);
		changes += seen.changes;
		wrong += seen.wrong;
		equal += seen.equal;
	}
	printf("# %u changes of the CPU, %u records in wrong places, %u with the stamp of one before\n", changes, wrong, equal);
	assert_int_equal(wrong, 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(records_are_in_order),
};

RUN(tests)
