/* SPDX-License-Identifier: MIT */
/*
 * Tests counters that are read together. Each function is tested alone: in the usual way, with adds to the overflow slot (the
 * memory for threads without rseq), and without a fence. Adds and resets are also tested with a signal or a fork at each
 * instruction.
 */
#define INSTRUCTIONS_MAX 1500 /* interrupt.h's default is only enough for critical sections */
#include "interrupt.h"
#include "refuse.h"

#define COUNT 3

static const char *const names[COUNT] = {"requests", "answers", "errors"};
static struct rk_counter_group *group;

static void create(void)
{
	assert_int_equal(rk_counter_group_create(&group, names, COUNT), 0);
}

static void counted(int64_t first, int64_t second, int64_t third)
{
	int64_t values[COUNT] = {-1, -1, -1};

	assert_int_equal(rk_counter_group_read(group, values, COUNT), 0);
	assert_int_equal(values[0], first);
	assert_int_equal(values[1], second);
	assert_int_equal(values[2], third);
}

static void counts_and_wraps(void **state)
{
	int64_t values[COUNT];

	(void)state;
	create();
	counted(0, 0, 0);
	rk_counter_group_add(group, 0, 5);
	rk_counter_group_add(group, 0, -7);
	rk_counter_group_add(group, 2, INT64_MAX);
	counted(-2, 0, INT64_MAX);
	rk_counter_group_add(group, 2, 3);
	rk_counter_group_add(group, 1, 1);
	counted(-2, 1, INT64_MIN + 2);
	/* Each read switches adds to the other of the group's two sets of words. Some adds go to the overflow slot. */
	for (int i = 0; i < 10; i++) {
		rki_counter_group_add_slow(group, 1, 1, RK_NO_RSEQ);
		rki_counter_group_add_slow(group, 1, 1, RK_ABORTED);
		counted(-2, 3 + 2 * i, INT64_MIN + 2);
	}
	assert_int_equal(rk_counter_group_read(group, values, 2), 0);
	assert_int_equal(values[1], 21);
	assert_int_equal(rk_counter_group_read(group, values, 0), 0);
	assert_int_equal(rk_counter_group_destroy(group), 0);
}

static void resets(void **state)
{
	int64_t values[COUNT];

	(void)state;
	create();
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < COUNT; i++)
			rk_counter_group_add(group, (size_t)i, 10 * i + round);
		assert_int_equal(rk_counter_group_reset(group, values, COUNT), 0);
		for (int i = 0; i < COUNT; i++)
			assert_int_equal(values[i], 10 * i + round);
		counted(0, 0, 0);
	}
	/* Resets only some counters of the group. */
	rk_counter_group_add(group, 0, 1);
	rk_counter_group_add(group, 2, 1);
	assert_int_equal(rk_counter_group_reset(group, values, 1), 0);
	counted(0, 0, 1);
	assert_int_equal(rk_counter_group_reset(group, values, 2), 0);
	counted(0, 0, 1);
	assert_int_equal(rk_counter_group_destroy(group), 0);
}

static void refuses(void **state)
{
	struct rk_counter_group *none;
	int64_t values[COUNT + 1];

	(void)state;
	assert_int_equal(rk_counter_group_create(NULL, names, COUNT), -EINVAL);
	assert_int_equal(rk_counter_group_create(&none, names, 0), -EINVAL);
	assert_null(none);
	assert_int_equal(rk_counter_group_create(&none, NULL, RK_COUNTER_GROUP_MAX + 1), -EINVAL);
	assert_null(none);
	assert_int_equal(rk_counter_group_destroy(NULL), 0);
	assert_int_equal(rk_counter_group_destroy((struct rk_counter_group *)(void *)values), -EINVAL);
	create();
	assert_int_equal(rk_counter_group_read(NULL, values, 1), -EINVAL);
	assert_int_equal(rk_counter_group_read(group, NULL, 1), -EINVAL);
	assert_int_equal(rk_counter_group_read(group, values, COUNT + 1), -EINVAL);
	assert_int_equal(rk_counter_group_reset(NULL, values, 1), -EINVAL);
	assert_int_equal(rk_counter_group_reset(group, values, COUNT + 1), -EINVAL);
	assert_int_equal(rk_counter_group_destroy((struct rk_counter_group *)(void *)((char *)group + 8)), -EINVAL);
	assert_int_equal(rk_counter_group_destroy(group), 0);
	assert_int_equal(rk_counter_group_destroy(group), -EINVAL);
}

static void names_are_walked(void **state)
{
	struct rk_counter_group *nameless;

	(void)state;
	create();
	assert_int_equal(rk_counter_group_count(group), COUNT);
	for (size_t i = 0; i < COUNT; i++)
		assert_string_equal(rk_counter_group_name(group, i), names[i]);
	assert_null(rk_counter_group_name(group, COUNT));
	assert_int_equal(rk_counter_group_create(&nameless, NULL, 1), 0);
	assert_null(rk_counter_group_name(nameless, 0));
	assert_int_equal(rk_counter_group_destroy(nameless), 0);
	assert_int_equal(rk_counter_group_destroy(group), 0);
}

/* Creates groups of many sizes. The last counter of each group works, even if the memory was another group's before. */
static void every_size(void **state)
{
	static int64_t values[RK_COUNTER_GROUP_MAX];

	(void)state;
	for (size_t count = 1; count <= RK_COUNTER_GROUP_MAX; count = count < 200 ? count + 1 : count * 2 - 190) {
		struct rk_counter_group *g, *beside;

		assert_int_equal(rk_counter_group_create(&g, NULL, count), 0);
		assert_int_equal(rk_counter_group_create(&beside, NULL, count), 0);
		for (int round = 1; round < 4; round++) {
			for (size_t i = 0; i < count; i++) {
				rk_counter_group_add(g, i, (int64_t)i);
				rki_counter_group_add_slow(g, i, 1, RK_NO_RSEQ);
			}
			assert_int_equal(rk_counter_group_reset(g, values, count), 0);
			for (size_t i = 0; i < count; i++)
				assert_int_equal(values[i], i + 1);
			assert_int_equal(rk_counter_group_read(beside, values, count), 0);
			for (size_t i = 0; i < count; i++)
				assert_int_equal(values[i], 0);
		}
		assert_int_equal(rk_counter_group_destroy(g), 0);
		assert_int_equal(rk_counter_group_destroy(beside), 0);
	}
	assert_int_equal(rk_counter_group_create(&group, NULL, RK_COUNTER_GROUP_MAX), 0);
	rk_counter_group_add(group, RK_COUNTER_GROUP_MAX - 1, 1);
	assert_int_equal(rk_counter_group_read(group, values, RK_COUNTER_GROUP_MAX), 0);
	assert_int_equal(values[RK_COUNTER_GROUP_MAX - 1], 1);
	assert_int_equal(rk_counter_group_destroy(group), 0);
}

static int read_without_a_fence(void)
{
	int64_t values[COUNT];

	refuse(SYS_membarrier, SYS_sched_setaffinity, EPERM);
	for (int i = 0; i < 4; i++) {
		CHECK(rk_counter_group_reset(group, values, COUNT) == -EHOSTUNREACH);
		CHECK(values[0] == 3 + i && values[1] == 2 && values[2] == 0);
		rk_counter_group_add(group, 0, 1);
	}
	return 0;
}

static void *read_unsuccessfully(void *arg)
{
	int64_t values[COUNT];

	refuse(SYS_membarrier, SYS_sched_setaffinity, EPERM);
	for (int i = 0; i < 3; i++)
		CHECK(rk_counter_group_read(group, values, COUNT) == -EHOSTUNREACH && values[0] == 3 && values[1] == 2);
	return arg;
}

/*
 * If a seccomp filter refuses fences (membarrier(2) and moves to another CPU), the functions still return values. Later calls
 * without the filter return exact values.
 */
static void without_a_fence(void **state)
{
	pthread_t thread;

	(void)state;
	create();
	rk_counter_group_add(group, 0, 3);
	rki_counter_group_add_slow(group, 1, 2, RK_NO_RSEQ);
	assert_int_equal(in_child(read_without_a_fence), 0);
	assert_int_equal(pthread_create(&thread, NULL, read_unsuccessfully, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	rk_counter_group_add(group, 0, 1);
	counted(4, 2, 0);
	assert_int_equal(rk_counter_group_destroy(group), 0);
}

/* Between rk_vfork_begin() and rk_vfork_end(), this thread has no rseq. */
static void total_without_rseq(void **state)
{
	(void)state;
	create();
	rk_counter_group_add(group, 0, 1);
	assert_int_equal(rk_vfork_begin(), 0);
	for (int i = 0; i < 1000; i++)
		rk_counter_group_add(group, 0, 1);
	assert_int_equal(rk_vfork_end(), 0);
	rk_counter_group_add(group, 0, 1);
	counted(1002, 0, 0);
	assert_int_equal(rk_counter_group_destroy(group), 0);
}

/* The following functions test an add and a reset, with a signal or a fork at each instruction. */
/* The sum of the values that resets returned. */
static int64_t returned;
static volatile int interrupted;

static void start(void)
{
	create();
	rk_counter_group_add(group, 0, 10);
	rk_counter_group_add(group, 1, 10);
	returned = 0;
	interrupted = 0;
}

static void reset(void)
{
	int64_t values[COUNT];
	int r = rk_counter_group_reset(group, values, COUNT);

	CHECK(r == 0 || r == -EBUSY);
	__atomic_fetch_add(&returned, r == 0 ? values[0] : 0, __ATOMIC_RELAXED);
}

static void add(void)
{
	rk_counter_group_add(group, 0, 1);
	rki_counter_group_add_slow(group, 1, 1, RK_NO_RSEQ);
}

/* Runs in a handler, before the interrupted call or in the middle of the call. */
static void use_as_well(void)
{
	interrupted = 1;
	rk_counter_group_add(group, 0, 100);
	rki_counter_group_add_slow(group, 0, 100, RK_NO_RSEQ);
	reset();
	rk_counter_group_add(group, 1, 200);
}

static int judge_reset(void)
{
	int64_t values[COUNT];

	CHECK(rk_counter_group_reset(group, values, COUNT) == 0);
	return returned + values[0] == 10 + 200 * interrupted ? 0 : 1;
}

static int judge_add(void)
{
	int64_t values[COUNT];

	CHECK(rk_counter_group_reset(group, values, COUNT) == 0);
	return returned + values[0] == 11 + 200 * interrupted ? 0 : 1;
}

/*
 * Another thread forked; this function runs in the child. An interrupted add is counted or not. If the interrupted
 * reset has already subtracted the values that it returns, the child reads 0. In each case the group still works.
 */
static int go_on_in_child(void)
{
	int64_t values[COUNT];

	CHECK(rk_counter_group_reset(group, values, COUNT) == 0);
	CHECK(values[0] == 10 || values[0] == 11 || values[0] == 0);
	CHECK(values[0] >= values[1]);
	rk_counter_group_add(group, 0, 1);
	CHECK(rk_counter_group_reset(group, values, COUNT) == 0 && values[0] == 1);
	return 0;
}

static void fork_by_another(void)
{
	fork_in_another_thread(go_on_in_child);
}

static void at_every_instruction(void **state)
{
	static const struct interrupted with[] = {
		{start, reset, use_as_well, judge_reset, false},     {start, reset, fork_this_thread, judge_reset, false},
		{start, reset, fork_by_another, judge_reset, false}, {start, add, use_as_well, judge_add, false},
		{start, add, fork_this_thread, judge_add, false},    {start, add, fork_by_another, judge_add, false},
	};

	(void)state;
	interrupt_each(with, sizeof(with) / sizeof(with[0]));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(counts_and_wraps),
	cmocka_unit_test(resets),
	cmocka_unit_test(refuses),
	cmocka_unit_test(names_are_walked),
	cmocka_unit_test(without_a_fence),
	cmocka_unit_test(total_without_rseq),
	cmocka_unit_test(at_every_instruction), /* before every_size(), so that a fork copies little memory */
	cmocka_unit_test(every_size),
};

RUN(tests)
