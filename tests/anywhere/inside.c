/* SPDX-License-Identifier: MIT */
/*
 * inside.c - what only a copy of rseqkit-anywhere.c shows: failing allocations, and adds that are stopped between two accesses. The
 * program includes the source. Its pauses make a group's races long.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include "threads.h"

static int pauses; /* one of so many accesses is followed by a long pause; 0: none */
static atomic_int calls, must_fail;
static atomic_int stop_next, stopped; /* 1: an adder's add stops before it adds, until stop_next is 0 */
static _Thread_local int is_adder;

static void pause_here(void)
{
	if (is_adder && atomic_load(&stop_next) == 1) {
		atomic_store(&stopped, 1);
		while (atomic_load(&stop_next) == 1)
			test_yield();
		return;
	}
	if (pauses != 0 && atomic_fetch_add(&calls, 1) % pauses == 0)
		for (int i = 0; i < 3; i++)
			test_yield();
}

static void *failing_calloc(size_t count, size_t size)
{
	return atomic_load(&must_fail) ? NULL : calloc(count, size);
}

#define RK_ANYWHERE_PAUSE() pause_here()
#define calloc failing_calloc
#include "rseqkit-anywhere.c"
#undef calloc

#define ROUNDS 30000

static struct rk_counter_group *group;
static atomic_int running, handed[4];

static void hand(void *number)
{
	int pair = (int)(intptr_t)number / 2, i = 0;

	for (; (intptr_t)number % 2 == 0 && i < ROUNDS; i++) {
		rk_counter_group_add(group, 0, 1);
		atomic_store(&handed[pair], i + 1);
	}
	while (i < ROUNDS) {
		for (; i < atomic_load(&handed[pair]); i++)
			rk_counter_group_add(group, 1, 1);
		test_yield();
	}
	atomic_fetch_sub(&running, 1);
}

/* `pauses` has no common factor with the number of pauses in a turn, so each place has long pauses. */
static void test_cuts(void)
{
	static const int each[] = {0, 7, 101};

	for (int round = 0; round < 3; round++) {
		test_thread threads[8];
		int64_t values[2];
		int wrong = 0, cuts = 0, failures = 0;

		pauses = each[round];
		CHECK(rk_counter_group_create(&group, NULL, 2) == 0);
		for (int i = 0; i < 4; i++)
			atomic_store(&handed[i], 0);
		atomic_store(&running, 8);
		for (intptr_t i = 0; i < 8; i++)
			threads[i] = test_start(hand, (void *)i);
		while (atomic_load(&running) > 0) {
			int r = rk_counter_group_read(group, values, 2);

			if (r == 0 && values[1] > values[0])
				wrong++;
			cuts += r == 0;
			failures += r == -EAGAIN;
		}
		for (int i = 0; i < 8; i++)
			test_join(threads[i]);
		pauses = 0;
		printf("# %d cuts, %d times EAGAIN, %d late adds\n", cuts, failures, (int)atomic_load(&group->late));
		CHECK(wrong == 0);
		CHECK(rk_counter_group_read(group, values, 2) == 0 && values[0] == 4 * ROUNDS && values[1] == 4 * ROUNDS);
		CHECK(rk_counter_group_destroy(group) == 0);
	}
	test_end("cuts, with long pauses in adds and turns", NULL);
}

static void add_once(void *unused)
{
	(void)unused;
	is_adder = 1;
	rk_counter_group_add(group, 0, 1);
}

/* The add loaded `plane` before two turns, and adds after them. A third turn during which it ends isn't good. */
static void test_late(void)
{
	test_thread thread;
	int64_t values[2];

	CHECK(rk_counter_group_create(&group, NULL, 2) == 0);
	rk_counter_group_add(group, 1, 1);
	atomic_store(&stopped, 0);
	atomic_store(&stop_next, 1);
	thread = test_start(add_once, NULL);
	while (atomic_load(&stopped) == 0)
		test_yield();
	CHECK(rk_counter_group_read(group, values, 2) == 0 && values[0] == 0 && values[1] == 1);
	CHECK(rk_counter_group_read(group, values, 2) == 0 && values[0] == 0 && values[1] == 1);
	CHECK(atomic_load(&group->late) == 0);
	atomic_store(&stop_next, 0);
	test_join(thread);
	CHECK(atomic_load(&group->late) == 1);
	CHECK(rk_counter_group_read(group, values, 2) == 0 && values[0] == 1 && values[1] == 1);
	CHECK(atomic_load(&group->turns) == 6 && rk_counter_group_destroy(group) == 0);
	test_end("an add that two turns overtake is late", NULL);
}

/* The reader begins a turn while another one is in the middle of a read. The stand-in for the other one never ends. */
static void test_busy(void)
{
	struct rk_histogram_snapshot *snapshot;
	struct rk_histogram *histogram;
	int64_t values[2] = {0, 0};

	CHECK(rk_counter_group_create(&group, NULL, 2) == 0);
	rk_counter_group_add(group, 1, 3);
	atomic_store(&group->claim, 1);
	CHECK(rk_counter_group_read(group, values, 2) == -EBUSY && values[1] == 3);
	CHECK(rk_counter_group_reset(group, values, 2) == -EBUSY && values[1] == 3);
	CHECK(rk_counter_group_read_relaxed(group, values, 2) == 0 && values[1] == 3);
	atomic_store(&group->claim, 0);
	CHECK(rk_counter_group_read(group, values, 2) == 0 && values[1] == 3 && rk_counter_group_destroy(group) == 0);
	CHECK(rk_histogram_create(&histogram, 3, 100) == 0 && rk_histogram_snapshot_create(&snapshot, histogram) == 0);
	rk_histogram_record(histogram, 50);
	atomic_store(&((struct rk_counter_group *)(void *)histogram)->claim, 1);
	CHECK(rk_histogram_reset(histogram, snapshot) == -EBUSY && snapshot->count == 1);
	CHECK(rk_histogram_destroy(histogram) == 0 && rk_histogram_snapshot_destroy(snapshot) == 0);
	test_end("a busy group", NULL);
}

static struct rk_counter_static counter = RK_COUNTER_STATIC;
RK_COUNTER_GROUP_STATIC(traffic, "requests", "answers");
static struct rk_peak_static longest = RK_PEAK_STATIC;

static void add_early(void *unused)
{
	(void)unused;
	for (int i = 0; i < ROUNDS; i++) {
		rk_counter_static_add(&counter, 1);
		rk_counter_group_static_add(&traffic, (size_t)i % 2, 1);
		rk_peak_static_record_max(&longest, i);
	}
}

static void test_memory(void)
{
	struct rk_counter *other = (struct rk_counter *)(void *)&counter;
	struct rk_counter_group *others = NULL;
	struct rk_histogram_snapshot *snapshot = NULL;
	struct rk_histogram *histogram;
	struct rk_level *level = NULL;
	struct rk_peak *peak = NULL;
	test_thread threads[4];
	int64_t values[2], value;

	CHECK(rk_histogram_create(&histogram, 3, 100) == 0);
	atomic_store(&must_fail, 1);
	CHECK(rk_counter_create(&other) == -ENOMEM && other == NULL && rk_peak_create(&peak) == -ENOMEM);
	CHECK(rk_counter_group_create(&others, NULL, 2) == -ENOMEM && rk_level_create(&level, 1) == -ENOMEM);
	CHECK(rk_histogram_snapshot_create(&snapshot, histogram) == -ENOMEM && snapshot == NULL);
	CHECK(rk_histogram_destroy(histogram) == 0 && rk_histogram_create(&histogram, 3, 100) == -ENOMEM);
	CHECK(rk_counter_static_get(&counter) == NULL && rk_counter_group_static_get(&traffic) == NULL);
	CHECK(rk_peak_static_get(&longest) == NULL);
	rk_peak_static_record_min(&longest, -9);
	for (int i = 0; i < 4; i++)
		threads[i] = test_start(add_early, NULL);
	while (atomic_load(&counter.early) < 1000)
		test_yield();
	CHECK(atomic_load(&counter.counter) == NULL && atomic_load(&longest.early[0]) != 0);
	atomic_store(&must_fail, 0);
	for (int i = 0; i < 4; i++)
		test_join(threads[i]);
	CHECK(rk_counter_sum(rk_counter_static_get(&counter)) == 4 * ROUNDS && counter.early == 0);
	CHECK(rk_counter_group_read(rk_counter_group_static_get(&traffic), values, 2) == 0);
	CHECK(values[0] == 2 * ROUNDS && values[1] == 2 * ROUNDS && traffic.early[0] == 0);
	CHECK(rk_peak_max(rk_peak_static_get(&longest), &value) == 0 && value == ROUNDS - 1);
	CHECK(rk_peak_min(rk_peak_static_get(&longest), &value) == 0 && value == -9 && longest.early[1] == 0);
	CHECK(rk_counter_static_destroy(&counter) == 0 && rk_counter_group_static_destroy(&traffic) == 0);
	CHECK(rk_peak_static_destroy(&longest) == 0);
	test_end("without memory, static objects count in `early`", NULL);
}

/* Each shard begins at a cache line, and a part of a level stays within its bounds. */
static struct rk_level *common;

static void climb(void *unused)
{
	(void)unused;
	for (int i = 0; i < ROUNDS; i++) {
		rk_level_add(common, 3);
		rk_level_add(common, i % 2 != 0 ? -4 : -2);
	}
}

static void test_layout(void)
{
	test_thread threads[4];
	struct rk_counter *one;

	CHECK(rk_counter_create(&one) == 0 && (uintptr_t)&one->shards[0] % LINE == 0 && sizeof(one->shards[0]) == LINE);
	CHECK(rk_counter_destroy(one) == 0 && (SHARDS & (SHARDS - 1)) == 0);
	CHECK(rk_level_create(&common, 2 * SHARDS * 5) == 0 && common->batch == 5);
	for (int i = 0; i < 4; i++)
		threads[i] = test_start(climb, NULL);
	for (int i = 0; i < 1000; i++)
		for (size_t shard = 0; shard < SHARDS; shard++)
			CHECK(llabs(atomic_load(&common->shards[shard].part)) <= 5);
	for (int i = 0; i < 4; i++)
		test_join(threads[i]);
	CHECK(rk_level_get(common) == 0 && rk_level_destroy(common) == 0);
	test_end("shards and parts", NULL);
}

int main(void)
{
	test_cuts();
	test_late();
	test_busy();
	test_memory();
	test_layout();
	return test_finish();
}
