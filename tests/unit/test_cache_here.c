/* SPDX-License-Identifier: MIT */
/*
 * Tests rk_cache_reclaim_here(), which only the allocator uses: with `if_unneeded` this CPU's array keeps as many objects as were
 * taken from it since the previous call.
 */
#include "test.h"
#include <sched.h>
#include "structures/cache_place.h"

#define OBJECTS 60

static struct rk_cache *cache;
static uint64_t objects[OBJECTS];

static void never(void *context, void *object)
{
	(void)context;
	fail_msg("object %p was destructed", object);
}

static uint64_t in_array(void)
{
	struct rk_cache_report report;

	assert_int_equal(rk_cache_query(cache, &report, sizeof(report)), 0);
	assert_int_equal(report.in_arrays + report.in_depot, OBJECTS);
	return report.in_arrays;
}

static void get_and_put(int n)
{
	void *got[OBJECTS];

	for (int i = 0; i < n; i++)
		assert_non_null(got[i] = rk_cache_get(cache));
	while (n > 0)
		rk_cache_put(cache, got[--n]);
}

/* Gets all objects, and then puts them all into the array. In between, a call makes the next call count from there. */
static void fill(void)
{
	void *got[OBJECTS];

	for (int i = 0; i < OBJECTS; i++)
		assert_non_null(got[i] = rk_cache_get(cache));
	rk_cache_reclaim_here(cache, true);
	for (int i = 0; i < OBJECTS; i++)
		rk_cache_put(cache, got[i]);
	assert_int_equal(in_array(), OBJECTS);
}

static void keeps_what_is_needed(void **state)
{
	static const int needed[] = {0, 1, 7, 59, 60, 0};

	(void)state;
	if (!WITH_RSEQ())
		SKIP("without rseq arrays have no objects");
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		fill();
		get_and_put(needed[i]);
		rk_cache_reclaim_here(cache, true);
		assert_int_equal(in_array(), needed[i]);
		rk_cache_reclaim_here(cache, true);
		assert_int_equal(in_array(), 0);
	}
}

static void takes_all(void **state)
{
	(void)state;
	if (!WITH_RSEQ())
		SKIP("without rseq arrays have no objects");
	fill();
	get_and_put(9);
	rk_cache_reclaim_here(cache, false);
	assert_int_equal(in_array(), 0);
}

static int prepare(void **state)
{
	struct rk_cache_options options = {.per_cpu = 2 * OBJECTS, .limit = 1000, .destruct = never};
	cpu_set_t one;

	(void)state;
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	if (sched_setaffinity(0, sizeof(one), &one) != 0 || rk_cache_create(&cache, &options, sizeof(options)) != 0)
		return -1;
	for (int i = 0; i < OBJECTS; i++)
		rk_cache_put(cache, &objects[i]);
	return 0;
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup(keeps_what_is_needed, prepare),
	cmocka_unit_test_setup(takes_all, prepare),
};

RUN(tests)
