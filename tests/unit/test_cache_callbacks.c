/* SPDX-License-Identifier: MIT */
/*
 * Tests callbacks that use their own cache: a constructor puts further objects into the cache, and a destructor gets objects
 * from the cache. Also tests the destructor of batches. A cache keeps objects in one array per CPU, and in a depot that all
 * CPUs share.
 */
#include "objects.h"
#include "refuse.h"

/* The CPUs that this thread was bound to. The tests stay on one CPU: a get takes no objects from another CPU's array. */
static cpu_set_t saved;

static int stay(void **state)
{
	(void)state;
	CHECK(sched_getaffinity(0, sizeof(saved), &saved) == 0);
	pin(rk_cpu());
	return 0;
}

static int go(void **state)
{
	(void)state;
	return sched_setaffinity(0, sizeof(saved), &saved);
}

static void *construct_many(void *context)
{
	for (int i = 0; i < 99 && !barren; i++)
		rk_cache_put(cache, construct(context));
	return construct(context);
}

static int taken;

static void destruct_and_get(void *context, void *object)
{
	destruct(context, object);
	if (destructed % 2 == 0)
		taken += get() != NULL;
}

static void callbacks_use_the_cache(void **state)
{
	struct rk_cache_options options = {.per_cpu = 200, .construct = construct_many, .destruct = destruct_and_get};
	void *held[100];

	(void)state;
	create(options);
	assert_int_equal(rk_cache_get_batch(cache, held, 100), 100);
	assert_int_equal(constructed, 100);
	rk_cache_put_batch(cache, held, 100);
	assert_int_equal(rk_cache_get_batch(cache, held, 10), 10);
	rk_cache_put_batch(cache, held, 10);
	barren = true; /* from now on the constructor returns NULL; the destructor keeps the objects that it gets */
	assert_int_equal(rk_cache_destroy(cache), 0);
	assert_int_equal(count_objects(CACHED), 0);
	assert_int_equal(constructed - destructed, count_objects(HELD));
	assert_int_equal(wrong_objects, 0);
}

/*
 * A get in a destructor can move objects from the depot into an array. rk_cache_destroy() destructs these objects too.
 */
static void destroy_with_a_depot_of(int number)
{
	struct rk_cache_options options = {.per_cpu = 64, .batch = 24, .limit = 1000, .destruct = destruct_and_get};
	struct object *held[RK_CACHE_BATCH_MAX + 136];

	create(options);
	for (int i = 0; i < number; i++)
		held[i] = get();
	for (int i = 0; i < number; i++)
		rk_cache_put(cache, held[i]);
	assert_int_equal(rk_cache_reclaim(cache, rk_cpu()), 0);
	barren = true;
	taken = 0;
	assert_int_equal(rk_cache_destroy(cache), 0);
	assert_true(taken > 0 && taken <= number);
	assert_int_equal(destructed + taken, constructed);
	barren = false;
}

static void destroyed_while_moved(void **state)
{
	(void)state;
	for (int number = RK_CACHE_BATCH_MAX + 16; number <= RK_CACHE_BATCH_MAX + 136; number += 8)
		destroy_with_a_depot_of(number);
}

static int batches;

static void destruct_many(void *context, void *const *many, size_t count)
{
	assert_true(count > 0 && count <= RK_CACHE_BATCH_MAX);
	batches++;
	for (size_t i = 0; i < count; i++)
		destruct(context, many[i]);
}

/* A put that finds neither room in the array nor in the depot destructs a batch. The next puts find room. */
static void destruct_batches_beside(void (*one)(void *context, void *object))
{
	struct rk_cache_options options = {.per_cpu = 64, .batch = 16, .limit = 64, .destruct = one, .destruct_batch = destruct_many};
	struct object *held[100];

	create(options);
	batches = 0;
	for (int i = 0; i < 100; i++)
		held[i] = get();
	for (int i = 0; i < 64; i++)
		put(held[i]);
	assert_int_equal(batches, 0);
	for (int i = 64; i < 80; i++) {
		put(held[i]);
		assert_int_equal(batches, 1);
		assert_int_equal(destructed, 16);
	}
	put(held[80]);
	assert_int_equal(batches, 2);
	assert_int_equal(stats().destructed, 32);
	assert_int_equal(stats().flushes, 2);
	assert_int_equal(stats().in_arrays, 81 - 32);
	for (int i = 81; i < 100; i++)
		move(held[i], HELD, CACHED);
	rk_cache_put_batch(cache, (void **)held + 81, 19); /* the last four find no room: they are the third batch */
	assert_int_equal(batches, 3);
	assert_int_equal(stats().destructed, 36);
	assert_int_equal(rk_cache_reclaim(cache, rk_cpu()), 0);
	assert_int_equal(rk_cache_trim(cache, 0), 64);
	assert_int_equal(batches, 4);
	assert_int_equal(destructed, constructed);
	assert_int_equal(rk_cache_destroy(cache), 0);
	assert_int_equal(wrong_objects, 0);
}

static void batches_are_destructed(void **state)
{
	(void)state;
	if (!WITH_RSEQ())
		SKIP("no rseq: what has no room is destructed one by one");
	destruct_batches_beside(NULL);
	destruct_batches_beside(destruct); /* which is never called */
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(callbacks_use_the_cache, stay, go),
	cmocka_unit_test_setup_teardown(destroyed_while_moved, stay, go),
	cmocka_unit_test_setup_teardown(batches_are_destructed, stay, go),
};

RUN(tests)
