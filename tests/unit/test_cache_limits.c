/* SPDX-License-Identifier: MIT */
/*
 * Tests the limits of caches: the limit of one cache, a budget that several caches share, and the number of magazines. A cache
 * keeps objects in one array per CPU, and in a depot that all CPUs share. The depot's objects are in magazines (batches).
 */
#include "objects.h"
#include "refuse.h"

/* A cache never holds more than its limit. Caches that share a budget never hold more than the budget. */
static void limits(void **state)
{
	struct rk_cache_budget budget = {.left = 6400};
	struct rk_cache *others;
	struct object *held[300];
	struct rk_cache_options options = {.per_cpu = 1000, .batch = 8, .limit = 50};
	cpu_set_t saved;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(saved), &saved), 0);
	pin(rk_cpu()); /* on a second CPU, the thread would need a second array, whose capacity counts against the limit */
	for (int overflow = 0; overflow < 2; overflow++) {
		create(options);
		for (int i = 0; i < 300; i++)
			held[i] = get();
		for (int i = 0; i < 300; i++) {
			move(held[i], HELD, CACHED);
			if (overflow)
				rki_cache_put_slow(cache, held[i], RK_NO_RSEQ);
			else
				rk_cache_put(cache, held[i]);
			assert_true(stats().in_arrays + stats().in_depot <= 50);
			assert_int_equal(stats().left + stats().capacity + stats().in_depot, 50);
		}
		assert_int_equal(count_objects(CACHED), 50);
		assert_int_equal(stats().destructed, 250);
		assert_int_equal(rk_cache_trim(cache, 50), 0);
		drop();
	}
	/* Two caches share a budget. Each of their objects takes 64 from the budget. */
	options.budget = &budget;
	options.weight = 64;
	options.limit = 80;
	create(options);
	others = cache;
	assert_int_equal(rk_cache_create(&cache, &(struct rk_cache_options){.limit = 80, .budget = &budget, .weight = 64,
									  .construct = construct, .destruct = destruct,
									  .context = &cache}, sizeof(struct rk_cache_options)),
			 0);
	for (int i = 0; i < 300; i++)
		held[i] = get();
	for (int i = 0; i < 300; i++) {
		move(held[i], HELD, CACHED);
		rk_cache_put(i < 150 ? cache : others, held[i]);
		assert_true(budget.left >= 0);
	}
	assert_int_equal(count_objects(CACHED), 100);
	assert_int_equal(budget.left, 0);
	assert_int_equal(rk_cache_destroy(others), 0);
	assert_int_equal(budget.left, 20 * 64);
	drop();
	assert_int_equal(budget.left, 6400);
	assert_int_equal(sched_setaffinity(0, sizeof(saved), &saved), 0);
}

/* Gets refill an array by whole batches, even if the limit is used up. */
static void refilled_at_the_limit(void **state)
{
	struct object *held[64];
	int cpu;

	(void)state;
	if (!WITH_RSEQ())
		SKIP("no rseq: all objects are in the depot");
	create((struct rk_cache_options){.per_cpu = 64, .batch = 16, .limit = 64});
	pin(cpu = rk_cpu());
	for (int i = 0; i < 64; i++)
		held[i] = get();
	for (int again = 0; again < 3; again++) {
		for (int i = 0; i < 64; i++)
			put(held[i]);
		assert_int_equal(rk_cache_reclaim(cache, cpu), 0);
		assert_int_equal(stats().left, 0);
		for (int i = 0; i < 64; i++)
			held[i] = get();
		assert_int_equal(stats().refills, 4 * (again + 1));
		assert_int_equal(stats().left + stats().capacity, 64);
	}
	assert_int_equal(constructed, 64);
	for (int i = 0; i < 64; i++)
		put(held[i]);
	drop();
}

/*
 * A single object that a put moves to the depot goes into a magazine that has room, so there are fewer magazines than objects.
 */
static void few_magazines_are_begun(void **state)
{
	static struct object *held[3000];

	(void)state;
	create((struct rk_cache_options){.per_cpu = 64, .batch = 16, .limit = 4000});
	for (int i = 0; i < 3000; i++)
		held[i] = get();
	for (int i = 0; i < 3000; i++) {
		int here = rk_cpu();

		put(held[i]);
		assert_int_equal(rk_cache_reclaim(cache, here), 0);
	}
	assert_int_equal(destructed, 0);
	assert_true(stats().in_depot > 2900); /* some puts went to an array, if the thread was moved to another CPU */
	drop();
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(limits),
	cmocka_unit_test(refilled_at_the_limit),
	cmocka_unit_test(few_magazines_are_begun),
};

RUN(tests)
