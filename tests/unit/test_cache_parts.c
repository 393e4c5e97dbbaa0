/* SPDX-License-Identifier: MIT */
/*
 * Tests the parts of a cache's depot, in which it keeps objects that no CPU's array has. A thread uses the part of its CPU first,
 * and then the objects and the limit of all parts.
 */
#include "test.h"
#include <sched.h>
#include "structures/cache.h"
#include "structures/cache_stack.h"

#define EACH 300 /* more than a magazine has */
#define LIMIT (2 * EACH)

static struct rk_cache *cache;
static uint64_t objects[2][EACH]; /* the objects that a thread on the lower and on the higher CPU puts into the depot */
static int cpus[2];

static void never(void *context, void *object)
{
	(void)context;
	fail_msg("object %p was destructed", object);
}

static void move_to(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
}

static void put_into_depot(int which)
{
	move_to(cpus[which]);
	for (int i = 0; i < EACH; i++)
		rk_cache_put(cache, &objects[which][i]);
	assert_int_equal(rk_cache_reclaim(cache, cpus[which]), 0);
}

/* Gets an object from the depot. Returns 0 or 1: which CPU's thread has put it there. */
static int get_from_depot(void)
{
	uint64_t *object = rk_cache_get(cache);

	assert_non_null(object);
	assert_int_equal(rk_cache_reclaim(cache, rk_cpu()), 0);
	return object >= objects[1];
}

static int prepare(void **state)
{
	struct rk_cache_options options = {.per_cpu = 2 * EACH, .limit = LIMIT, .destruct = never};
	static cpu_set_t allowed;

	(void)state;
	if (cache == NULL && sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
		return -1;
	for (cpus[0] = 0; !CPU_ISSET(cpus[0], &allowed);)
		cpus[0]++;
	for (cpus[1] = CPU_SETSIZE - 1; !CPU_ISSET(cpus[1], &allowed);)
		cpus[1]--;
	return rk_cache_create(&cache, &options, sizeof(options));
}

static bool share_a_part(void)
{
	return cpus[0] % DEPOT_PARTS == cpus[1] % DEPOT_PARTS;
}

static void own_part_comes_first(void **state)
{
	(void)state;
	if (share_a_part() || !WITH_RSEQ())
		SKIP("no two CPUs with parts of their own");
	put_into_depot(0);
	put_into_depot(1);
	for (int which = 0; which < 2; which++) {
		move_to(cpus[which]);
		assert_int_equal(get_from_depot(), which);
	}
}

static void all_parts_are_searched(void **state)
{
	(void)state;
	if (share_a_part())
		SKIP("no two CPUs with parts of their own");
	put_into_depot(1);
	move_to(cpus[0]);
	for (int i = 0; i < EACH; i++)
		assert_non_null(rk_cache_get(cache));
	assert_null(rk_cache_get(cache));
}

/* Between rk_vfork_begin() and rk_vfork_end() a thread uses only the depot, by other functions. */
static void all_parts_are_searched_in_a_bracket(void **state)
{
	int got = 0;

	(void)state;
	put_into_depot(0);
	put_into_depot(1);
	assert_int_equal(rk_vfork_begin(), 0);
	while (rk_cache_get(cache) != NULL)
		got++;
	assert_int_equal(rk_vfork_end(), 0);
	assert_int_equal(got, 2 * EACH);
}

static struct rk_cache_report report(const struct rk_cache *of)
{
	struct rk_cache_report now;

	assert_int_equal(rk_cache_query(of, &now, sizeof(now)), 0);
	return now;
}

/* The objects that return to a part make room there. A thread on another CPU uses this room, too, up to the last object. */
static void limit_is_that_of_all_parts(void **state)
{
	struct rk_cache_report now;

	(void)state;
	if (share_a_part())
		SKIP("no two CPUs with parts of their own");
	move_to(cpus[1]);
	for (int i = 0; i < LIMIT; i++)
		rk_cache_put(cache, &objects[0][0] + i);
	assert_int_equal(rk_cache_reclaim(cache, cpus[1]), 0);
	assert_int_equal(report(cache).in_depot, LIMIT);
	assert_int_equal(report(cache).left, 0);
	for (int i = 0; i < LIMIT; i++)
		assert_non_null(rk_cache_get(cache));
	assert_int_equal(rk_cache_reclaim(cache, cpus[1]), 0);
	assert_int_equal(report(cache).left, LIMIT);
	move_to(cpus[0]);
	for (int i = 0; i < LIMIT; i++)
		rk_cache_put(cache, &objects[0][0] + i);
	now = report(cache);
	assert_int_equal(now.left, 0);
	assert_int_equal(now.in_arrays + now.in_depot, LIMIT);
	assert_int_equal(now.destructed, 0);
}

/*
 * The magazine of a vfork child counts against the limit only after the bracket, so another thread can meanwhile get grants for
 * the same room. Then the next grants that are given back are withheld.
 */
static void objects_above_the_limit_leave_no_room(void **state)
{
	struct depot *depot = &((struct rk_cache_shared *)rk_percpu_slot(cache, RK_INDEX_RESERVE))->depot;

	(void)state;
	assert_int_equal(rk_vfork_begin(), 0);
	for (int i = 0; i < 5; i++)
		rk_cache_put(cache, &objects[0][i]);
	assert_int_equal(rk_vfork_end(), 0);
	assert_int_equal(rk_depot_take_left(depot, LIMIT + 1), LIMIT);
	assert_true(rk_hand_settle(depot));
	assert_int_equal(rk_depot_left(depot), -5);
	assert_int_equal(report(cache).left, 0);
	rk_depot_return(depot, 3);
	assert_int_equal(rk_depot_grant(depot, 1), 0);
	rk_depot_return(depot, 12);
	assert_int_equal(rk_depot_left(depot), 10);
	assert_int_equal(rk_depot_grant(depot, 100), 10);
}

/* Each bracket ends before the next put. Even so, the puts share magazines, so there is one for each put up to the limit. */
static void brackets_share_magazines(void **state)
{
	(void)state;
	for (int i = 0; i < LIMIT; i++) {
		assert_int_equal(rk_vfork_begin(), 0);
		rk_cache_put(cache, &objects[0][0] + i);
		assert_int_equal(rk_vfork_end(), 0);
		assert_int_equal(report(cache).in_depot, i + 1);
	}
	assert_int_equal(report(cache).left, 0);
}

/*
 * While a put has the begun magazine, a put of a signal handler or of another thread begins another one. Later puts fill both.
 * Otherwise all magazines would be used at some time, though the limit leaves room.
 */
static void puts_fill_all_begun_magazines(void **state)
{
	enum { PASSES = 4 };
	struct depot *depot = &((struct rk_cache_shared *)rk_percpu_slot(cache, RK_INDEX_RESERVE))->depot;
	void *batch[RK_CACHE_BATCH_MAX];
	struct depot_part *part;
	struct magazine *held;
	uint64_t *stack;

	(void)state;
	move_to(cpus[0]);
	part = rk_depot_near(depot);
	for (int i = 0; i < RK_CACHE_BATCH_MAX; i++)
		batch[i] = &objects[0][i];
	for (int round = 0; round < PASSES; round++) {
		assert_int_equal(rk_depot_put(depot, batch, 1), 1);
		stack = stack_for(part, 1);
		held = magazine_of(depot, *stack & NUMBER_MASK);
		*stack = changed(*stack, next_of(held)); /* as a put does */
		assert_int_equal(rk_depot_put(depot, batch, 1), 1);
		rk_depot_push(depot, part, held);
		for (size_t put = 2; put < RK_CACHE_BATCH_MAX;)
			put += rk_depot_put(depot, batch + put, RK_CACHE_BATCH_MAX - put);
	}
	assert_int_equal(depot->fresh & NUMBER_MASK, PASSES + 1);
}

/* If no magazine is empty, and each was used, a put takes a begun one of another part. */
static void puts_find_begun_magazines_in_all_parts(void **state)
{
	struct depot *depot = &((struct rk_cache_shared *)rk_percpu_slot(cache, RK_INDEX_RESERVE))->depot;
	void *object = &objects[0][0];

	(void)state;
	if (share_a_part())
		SKIP("no two CPUs with parts of their own");
	move_to(cpus[0]);
	assert_int_equal(rk_depot_put(depot, &object, 1), 1);
	depot->fresh = KIND_FRESH + depot->magazines;
	move_to(cpus[1]);
	assert_int_equal(rk_depot_put(depot, &object, 1), 1);
	assert_int_equal(rk_depot_objects(depot), 2);
}

/*
 * A query adds the numbers of the parts one after the other. If meanwhile a thread puts an object into a part that was read, and
 * another thread gets this object, the sum is -1.
 */
static void report_has_no_negative_number(void **state)
{
	struct depot *depot = &((struct rk_cache_shared *)rk_percpu_slot(cache, RK_INDEX_RESERVE))->depot;

	(void)state;
	depot->parts[1].objects--;
	assert_int_equal(report(cache).in_depot, 0);
	depot->parts[1].objects++;
}

/*
 * The number of parts is a power of two, and not higher than necessary for each CPU to have a part of its own. A search of
 * further parts would take time.
 */
static void few_cpus_use_few_parts(void **state)
{
	const struct depot *depot = &((struct rk_cache_shared *)rk_percpu_slot(cache, RK_INDEX_RESERVE))->depot;
	uint32_t parts = depot->last_part + 1, highest = 0;

	(void)state;
	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
		highest = (uint32_t)cpu;
	assert_true(parts == 1 || parts / 2 <= highest);
	assert_true(parts == DEPOT_PARTS || parts > highest);
	assert_int_equal(parts & depot->last_part, 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup(few_cpus_use_few_parts, prepare),
	cmocka_unit_test_setup(own_part_comes_first, prepare),
	cmocka_unit_test_setup(all_parts_are_searched, prepare),
	cmocka_unit_test_setup(all_parts_are_searched_in_a_bracket, prepare),
	cmocka_unit_test_setup(limit_is_that_of_all_parts, prepare),
	cmocka_unit_test_setup(objects_above_the_limit_leave_no_room, prepare),
	cmocka_unit_test_setup(brackets_share_magazines, prepare),
	cmocka_unit_test_setup(puts_fill_all_begun_magazines, prepare),
	cmocka_unit_test_setup(puts_find_begun_magazines_in_all_parts, prepare),
	cmocka_unit_test_setup(report_has_no_negative_number, prepare),
};

RUN(tests)
