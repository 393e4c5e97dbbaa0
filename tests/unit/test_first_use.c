/* SPDX-License-Identifier: MIT */
/*
 * Tests static counters and static groups of counters, which the library makes when they are first used: by threads that race,
 * with a handler at each instruction, and without memory.
 */
#define INSTRUCTIONS_MAX 2000 /* interrupt.h's default is only enough for critical sections */
#include "interrupt.h"
#include <sys/resource.h>

static struct rk_counter_static first_use = RK_COUNTER_STATIC;
RK_COUNTER_GROUP_STATIC(pair, "one", "two");

static void use_first(void)
{
	rk_counter_static_add(&first_use, 1);
	rk_counter_group_static_add(&pair, 1, 1);
}

static volatile int interrupted;

static void start(void)
{
	first_use = (struct rk_counter_static)RK_COUNTER_STATIC;
	pair.group = NULL;
	interrupted = 0;
}

static void use_first_as_well(void)
{
	interrupted = 1;
	use_first();
}

static int judge_first(void)
{
	int64_t values[2];

	CHECK(rk_counter_sum(rk_counter_static_get(&first_use)) == 1 + interrupted);
	CHECK(rk_counter_group_read(rk_counter_group_static_get(&pair), values, 2) == 0);
	return values[0] == 0 && values[1] == 1 + interrupted ? 0 : 1;
}

static void at_every_instruction(void **state)
{
	static const struct interrupted with[] = {{start, use_first, use_first_as_well, judge_first, false}};

	(void)state;
	interrupt_each(with, 1);
}

#define THREADS 8
static pthread_barrier_t together;

static void *use_first_together(void *arg)
{
	(void)pthread_barrier_wait(&together);
	use_first();
	return arg;
}

/* Several threads race for the first use. Each round has new objects. */
static void made_on_first_use(void **state)
{
	pthread_t threads[THREADS];
	int64_t values[2];

	(void)state;
	assert_int_equal(pair.count, 2);
	assert_int_equal(pthread_barrier_init(&together, NULL, THREADS), 0);
	for (int64_t round = 0; round < 1 + ROUNDS(100); round++) {
		start();
		for (int i = 0; i < THREADS; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, use_first_together, NULL), 0);
		for (int i = 0; i < THREADS; i++)
			assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(rk_counter_sum(rk_counter_static_get(&first_use)), THREADS);
		assert_int_equal(rk_counter_group_read(rk_counter_group_static_get(&pair), values, 2), 0);
		assert_int_equal(values[0], 0);
		assert_int_equal(values[1], THREADS);
		assert_string_equal(rk_counter_group_name(pair.group, 0), "one");
		assert_int_equal(rk_counter_destroy(first_use.counter), 0);
		assert_int_equal(rk_counter_group_destroy(pair.group), 0);
	}
}

/* If there is no address space for a counter, the library keeps the adds until there is some. */
static int without_memory(void)
{
	const struct rlimit none = {0, RLIM_INFINITY}, all = {RLIM_INFINITY, RLIM_INFINITY};
	int64_t values[2];

	CHECK(setrlimit(RLIMIT_AS, &none) == 0);
	for (int i = 0; i < 5; i++) {
		rk_counter_static_add(&first_use, 2);
		rk_counter_group_static_add(&pair, 0, 3);
		rk_counter_group_static_add(&pair, 1, 4);
	}
	CHECK(rk_counter_static_get(&first_use) == NULL && rk_counter_group_static_get(&pair) == NULL);
	CHECK(setrlimit(RLIMIT_AS, &all) == 0);
	rk_counter_static_add(&first_use, 1);
	rk_counter_group_static_add(&pair, 1, 1);
	CHECK(rk_counter_sum(rk_counter_static_get(&first_use)) == 11);
	CHECK(rk_counter_group_read(rk_counter_group_static_get(&pair), values, 2) == 0);
	return values[0] == 15 && values[1] == 21 ? 0 : 1;
}

/* While there is no address space, few adds try to create the counter. When there is some, an add soon creates it. */
static int few_attempts(void)
{
	const struct rlimit none = {0, RLIM_INFINITY}, all = {RLIM_INFINITY, RLIM_INFINITY};
	int more = 0;

	CHECK(rk_counter_static_sum(&first_use) == 0);
	CHECK(setrlimit(RLIMIT_AS, &none) == 0);
	for (int i = 0; i < 3000; i++)
		rk_counter_static_add(&first_use, 1);
	CHECK(first_use.counter == NULL && rk_counter_static_sum(&first_use) == 3000);
	CHECK(setrlimit(RLIMIT_AS, &all) == 0);
	for (; first_use.counter == NULL && more < 2000; more++)
		rk_counter_static_add(&first_use, 1);
	CHECK(more > 1 && more <= 1024 && rk_counter_static_sum(&first_use) == 3000 + more);
	rk_counter_group_static_add(&pair, 0, 3); /* from now on each use tries again */
	return pair.group != NULL ? 0 : 1;
}

static void kept_until_there_is_memory(void **state)
{
	(void)state;
	if (SANITIZED || getenv("UNDER_VALGRIND") != NULL)
		SKIP("an address space without a limit is needed");
	assert_int_equal(in_child(without_memory), 0);
	assert_int_equal(in_child(few_attempts), 0);
}

/* Static counters and groups in objects that come and go, from memory of zeros. */
static void in_objects(void **state)
{
	struct object {
		struct rk_counter_static counter;
		struct rk_counter_group_static group;
	};
	static const char *const names[] = {"one", "two"};
	struct rk_percpu_report before, after;

	(void)state;
	rk_counter_static_add(&first_use, 1);
	assert_int_equal(rk_counter_query(RK_INDEX_ALL, &before, sizeof(before)), 0);
	for (int i = 0; i < 100; i++) {
		struct object *object = (struct object *)calloc(1, sizeof(*object));
		int64_t early[2] = {0}, values[2];

		assert_non_null(object);
		object->group = (struct rk_counter_group_static){NULL, names, early, 2};
		for (int lives = 0; lives < 2; lives++) {
			rk_counter_static_add(&object->counter, 3);
			rk_counter_group_static_add(&object->group, 1, 4);
			assert_int_equal(rk_counter_sum(rk_counter_static_get(&object->counter)), 3);
			assert_int_equal(rk_counter_group_read_relaxed(rk_counter_group_static_get(&object->group), values, 2), 0);
			assert_int_equal(values[0], 0);
			assert_int_equal(values[1], 4);
			object->counter.early = early[0] = 9; /* adds that nothing moved */
			assert_int_equal(rk_counter_static_destroy(&object->counter), 0);
			assert_int_equal(rk_counter_group_static_destroy(&object->group), 0);
		}
		assert_int_equal(rk_counter_static_destroy(&object->counter), 0);
		assert_int_equal(rk_counter_group_static_destroy(&object->group), 0);
		free(object);
	}
	assert_int_equal(rk_counter_query(RK_INDEX_ALL, &after, sizeof(after)), 0);
	assert_int_equal(after.items, before.items);
	assert_int_equal(rk_counter_static_destroy(NULL), -EINVAL);
	assert_int_equal(rk_counter_group_static_destroy(NULL), -EINVAL);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(kept_until_there_is_memory), /* must run first, before the library has reserved memory for counters */
	cmocka_unit_test(at_every_instruction),
	cmocka_unit_test(made_on_first_use),
	cmocka_unit_test(in_objects),
};

RUN(tests)
