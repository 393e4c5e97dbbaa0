/* SPDX-License-Identifier: MIT */
/*
 * inside.c - what only a copy of rseqkit-anywhere.c shows: failing allocations, and threads that are stopped between two
 * accesses. The program includes the source. RK_ANYWHERE_PAUSE calls pause_at() at each step. A group has one shard here, so a
 * read has few steps, and the test of cuts tries all orders of the steps of a reader and two adds.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include "threads.h"

enum place { ADD_TURNS, ADD_PLANE, ADD_WORD, ADD_LATE, TURN, RAISE, PEAK_RESET, PART, PART_SHARED, EARLY, RESET };

static void pause_at(enum place place);
static void *failing_calloc(size_t count, size_t size);
static atomic_int must_fail;

#define RK_ANYWHERE_SHARDS 1
#define RK_ANYWHERE_PATIENCE 1000
#define RK_ANYWHERE_PAUSE(place) pause_at(place)
#define calloc failing_calloc
#include "rseqkit-anywhere.c"
#undef calloc

static void *failing_calloc(size_t count, size_t size)
{
	return atomic_load(&must_fail) ? NULL : calloc(count, size);
}

/* At this place, the thread does something else once. */
static enum place injected_at;
static void (*injected)(void);

static struct rk_counter_group *group;

/*
 * The adder is a second thread. It makes add A, and then add B, to the other counter. In each add it stops at one place. Only
 * one of the two threads runs at a time: `turn_of` says which one.
 */
enum { READER, ADDER };
static atomic_int turn_of;
static int is_reader_of_all_orders;
static _Thread_local int is_adder;
static enum place stop_at[2];
static int adding, step, step_at[4];

static void hand_over(int to, int back)
{
	atomic_store(&turn_of, to);
	for (int i = 0; atomic_load(&turn_of) != back; i++)
		if (i % 256 == 255)
			test_yield();
}

/* At its steps, the reader lets the adder begin A, end A, begin B and end B. */
static void step_of_reader(void)
{
	for (int i = 0; i < 4; i++)
		if (step_at[i] == step)
			hand_over(ADDER, READER);
	step++;
}

static void pause_at(enum place place)
{
	void (*now)(void) = injected;

	if (is_adder) {
		if (place == stop_at[adding])
			hand_over(READER, ADDER);
	} else if (is_reader_of_all_orders) {
		if (place == TURN)
			step_of_reader();
	} else if (now != NULL && place == injected_at) {
		injected = NULL;
		now();
	}
}

static int is_over, a_counts;

static void add_in_turn(void *unused)
{
	(void)unused;
	is_adder = 1;
	while (atomic_load(&turn_of) != ADDER)
		test_yield();
	for (adding = 0; !is_over; adding = !adding) {
		uint64_t late = atomic_load(&group->late);

		rk_counter_group_add(group, (size_t)(adding ? !a_counts : a_counts), 1);
		/* An add that isn't late doesn't stop at ADD_LATE, so it stops here. */
		if (stop_at[adding] == ADD_LATE && atomic_load(&group->late) == late)
			hand_over(READER, ADDER);
		hand_over(READER, ADDER);
	}
	atomic_store(&turn_of, READER);
}

#define READS 3
#define STEPS 26 /* of three good turns, and a step after them */

static int orders, wrong, repeated, missing;

static void try_order(void)
{
	int64_t values[2] = {0, 0}, first[2] = {0, 0};

	(void)rk_counter_group_read_relaxed(group, first, 2);
	step = 0;
	is_reader_of_all_orders = 1;
	for (int i = 0; i < READS; i++) {
		uint64_t turns = atomic_load(&group->turns);
		int is_complete = step_at[1] < step, r = rk_counter_group_read(group, values, 2);

		wrong += r != 0 || values[!a_counts] - first[!a_counts] > values[a_counts] - first[a_counts];
		wrong += is_complete && values[a_counts] != first[a_counts] + 1; /* A happened before the read */
		repeated += atomic_load(&group->turns) > turns + 2;
	}
	while (step < STEPS)
		step_of_reader();
	is_reader_of_all_orders = 0;
	wrong += rk_counter_group_read(group, values, 2) != 0;
	missing += values[0] != first[0] + 1 || values[1] != first[1] + 1;
	orders++;
}

/* In each order, A begins at one step, and ends at a later step. After that B begins, and ends. Steps can be equal. */
static void test_orders(void)
{
	test_thread adder;

	CHECK(rk_counter_group_create(&group, NULL, 2) == 0);
	adder = test_start(add_in_turn, NULL);
	for (int place = 0; place < 8; place++) {
		a_counts = place % 2; /* the number of the counter that A adds to */
		stop_at[0] = (enum place)(ADD_TURNS + place / 2), stop_at[1] = ADD_PLANE;
		for (step_at[0] = 0; step_at[0] < STEPS; step_at[0]++)
			for (step_at[1] = step_at[0]; step_at[1] < STEPS; step_at[1]++)
				for (step_at[2] = step_at[1]; step_at[2] < STEPS; step_at[2]++)
					for (step_at[3] = step_at[2]; step_at[3] < STEPS; step_at[3]++)
						try_order();
	}
	is_over = 1;
	hand_over(ADDER, READER);
	test_join(adder);
	printf("# %d orders, %d wrong, %d repeated turns, %d without an add\n", orders, wrong, repeated, missing);
	CHECK(wrong == 0 && missing == 0 && repeated > 0 && rk_counter_group_destroy(group) == 0);
	test_end("cuts are consistent in all orders of steps", NULL);
}

/* A second reader in the middle of a turn, like a signal handler's. */
static int64_t second[2];
static int second_result, second_reset;

static void read_second(void)
{
	second_result = rk_counter_group_read(group, second, 2);
	second_reset = rk_counter_group_reset(group, second, 2);
}

static void test_busy(void)
{
	struct rk_histogram_snapshot *snapshot = NULL;
	struct rk_histogram *histogram = NULL;
	int64_t values[2] = {0, 0};

	CHECK(rk_counter_group_create(&group, NULL, 2) == 0);
	rk_counter_group_add(group, 1, 3);
	injected = read_second, injected_at = TURN;
	CHECK(rk_counter_group_reset(group, values, 2) == 0 && values[1] == 3);
	CHECK(second_result == -EBUSY && second_reset == -EBUSY && second[0] == 0 && second[1] == 3);
	CHECK(rk_counter_group_read(group, values, 2) == 0 && values[1] == 0 && rk_counter_group_destroy(group) == 0);
	CHECK(rk_histogram_create(&histogram, 3, 100) == 0 && rk_histogram_snapshot_create(&snapshot, histogram) == 0);
	rk_histogram_record(histogram, 50);
	atomic_store(&((struct rk_counter_group *)(void *)histogram)->claim, 1);
	CHECK(rk_histogram_reset(histogram, snapshot) == -EBUSY && snapshot->count == 1);
	CHECK(rk_histogram_destroy(histogram) == 0 && rk_histogram_snapshot_destroy(snapshot) == 0);
	test_end("a busy group", NULL);
}

/* If each turn has a late add, a read gives up. */
static int late_adds;

static void be_late(void)
{
	atomic_fetch_add(&group->late, 1);
	if (++late_adds < 100)
		injected = be_late;
}

static void test_late(void)
{
	int64_t values[2] = {0, 0};

	CHECK(rk_counter_group_create(&group, NULL, 2) == 0);
	rk_counter_group_add(group, 0, 2);
	injected = be_late, injected_at = TURN, late_adds = -1000;
	CHECK(rk_counter_group_reset(group, values, 2) == -EAGAIN && values[0] == 2);
	CHECK(atomic_load(&group->turns) == 2 * TURNS_MAX);
	injected = NULL;
	CHECK(rk_counter_group_reset(group, values, 2) == 0 && values[0] == 2);
	CHECK(rk_counter_group_destroy(group) == 0);
	test_end("a read whose turns are all late", NULL);
}

static struct rk_counter_static counter = RK_COUNTER_STATIC;
RK_COUNTER_GROUP_STATIC(traffic, "requests", "answers");
static struct rk_peak_static longest = RK_PEAK_STATIC;

/* While a thread is about to add to `early`, another one creates the object. */
static void create_all(void)
{
	atomic_store(&must_fail, 0);
	CHECK(rk_counter_static_get(&counter) != NULL && rk_counter_group_static_get(&traffic) != NULL);
	CHECK(rk_peak_static_get(&longest) != NULL);
}

static void destroy_all(void)
{
	CHECK(rk_counter_static_destroy(&counter) == 0 && rk_counter_group_static_destroy(&traffic) == 0);
	CHECK(rk_peak_static_destroy(&longest) == 0);
}

static void check_all(int64_t number, int64_t highest)
{
	int64_t values[2], value = -1;

	CHECK(rk_counter_sum(rk_counter_static_get(&counter)) == number && counter.early == 0);
	CHECK(rk_counter_group_read(rk_counter_group_static_get(&traffic), values, 2) == 0 && values[1] == number);
	CHECK((rk_peak_max(rk_peak_static_get(&longest), &value) == 0 ? value : -1) == highest);
	CHECK(traffic.early[1] == 0 && longest.early[0] == 0);
}

static void test_memory(void)
{
	struct rk_counter *other = (struct rk_counter *)(void *)&counter;
	struct rk_counter_group *others = NULL;
	struct rk_histogram_snapshot *snapshot = NULL;
	struct rk_histogram *histogram = NULL;
	struct rk_level *no_level = NULL;
	struct rk_peak *no_peak = NULL;

	CHECK(rk_histogram_create(&histogram, 3, 100) == 0);
	atomic_store(&must_fail, 1);
	CHECK(rk_counter_create(&other) == -ENOMEM && other == NULL && rk_peak_create(&no_peak) == -ENOMEM);
	CHECK(rk_counter_group_create(&others, NULL, 2) == -ENOMEM && rk_level_create(&no_level, 1) == -ENOMEM);
	CHECK(rk_histogram_snapshot_create(&snapshot, histogram) == -ENOMEM && snapshot == NULL);
	CHECK(rk_histogram_destroy(histogram) == 0 && rk_histogram_create(&histogram, 3, 100) == -ENOMEM);
	CHECK(rk_counter_static_get(&counter) == NULL && rk_counter_group_static_get(&traffic) == NULL);
	for (int i = 1; i <= 3; i++) {
		rk_counter_static_add(&counter, 1);
		rk_counter_group_static_add(&traffic, 1, 1);
		rk_peak_static_record_max(&longest, i);
	}
	CHECK(counter.early == 3 && traffic.early[1] == 3 && longest.early[0] != 0);
	atomic_store(&must_fail, 0);
	check_all(3, 3);
	destroy_all();
	for (int which = 0; which < 3; which++) {
		atomic_store(&must_fail, 1);
		injected = create_all, injected_at = EARLY;
		if (which == 0)
			rk_counter_static_add(&counter, 1), rk_counter_group_static_add(&traffic, 1, 1);
		else if (which == 1)
			rk_counter_group_static_add(&traffic, 1, 1), rk_counter_static_add(&counter, 1);
		else
			rk_peak_static_record_max(&longest, 7);
		CHECK(injected == NULL);
		check_all(which < 2 ? 1 : 0, which < 2 ? -1 : 7);
		destroy_all();
	}
	test_end("without memory, static objects count in `early`", NULL);
}

/* In the middle of a change, another thread changes the same shard. */
static struct rk_peak *peak;
static struct rk_level *level;
static struct rk_counter *resets;
static int64_t taken;

static void record_higher(void)
{
	rk_peak_record_max(peak, 90);
}

static void level_up(void)
{
	rk_level_add(level, 4);
}

static void reset_between(void)
{
	rk_counter_add(resets, 3);
	taken += rk_counter_reset(resets);
}

static void test_races(void)
{
	int64_t value, part;

	CHECK(rk_peak_create(&peak) == 0 && rk_level_create(&level, 2 * SHARDS * 5) == 0 && level->batch == 5);
	injected = record_higher, injected_at = RAISE;
	rk_peak_record_max(peak, 50);
	CHECK(injected == NULL && rk_peak_max(peak, &value) == 0 && value == 90);
	CHECK(rk_peak_max_reset(peak, &value) == 0);
	rk_peak_record_max(peak, 50);
	injected = record_higher, injected_at = PEAK_RESET;
	CHECK(rk_peak_max_reset(peak, &value) == 0 && value == 90 && injected == NULL);

	injected = level_up, injected_at = PART;
	rk_level_add(level, 1);
	CHECK(injected == NULL && rk_level_get(level) == 5 && level->shards[0].part == 5);
	/* The part has 5, and 1 is added, so the part moves. Meanwhile it changes. */
	injected = level_up, injected_at = PART_SHARED;
	rk_level_add(level, 1);
	part = atomic_load(&level->shards[0].part);
	CHECK(injected == NULL && rk_level_get(level) == 10 && part >= -5 && part <= 5);
	CHECK(rk_level_peak(level) >= 10);

	CHECK(rk_counter_create(&resets) == 0);
	rk_counter_add(resets, 4);
	injected = reset_between, injected_at = RESET;
	taken += rk_counter_reset(resets);
	CHECK(injected == NULL && taken == 7 && rk_counter_sum(resets) == 0);
	CHECK(rk_counter_destroy(resets) == 0 && rk_peak_destroy(peak) == 0 && rk_level_destroy(level) == 0);
	test_end("two threads change one shard", NULL);
}

static void test_layout(void)
{
	struct rk_counter *one;

	CHECK(rk_counter_create(&one) == 0 && (uintptr_t)&one->shards[0] % LINE == 0 && sizeof(one->shards[0]) == LINE);
	CHECK(rk_counter_group_create(&group, NULL, 3) == 0 && (uintptr_t)group->words % LINE == 0);
	CHECK(group->stride * sizeof(uint64_t) % LINE == 0 && group->stride >= 6);
	CHECK(rk_counter_destroy(one) == 0 && rk_counter_group_destroy(group) == 0);
	test_end("shards begin at cache lines", NULL);
}

int main(void)
{
	test_orders();
	test_busy();
	test_late();
	test_memory();
	test_races();
	test_layout();
	return test_finish();
}
