/* SPDX-License-Identifier: MIT */
/*
 * Tests caches with a signal or a fork at each instruction: a reclaim, gets and puts by the depot, and batches. A cache keeps
 * objects in one array per CPU, and in a depot that all CPUs share. A reclaim moves the objects of a CPU's array to the depot.
 * The invariant is the invariant of objects.h.
 */
static int instructions_max;
#define INSTRUCTIONS_MAX instructions_max
#include "interrupt.h"
#include "objects.h"

#define FILLED 200

static struct object *one; /* an object that the test holds, while the other FILLED - 1 objects are in the cache */

/* Fills an array and the depot. */
static void fill(void)
{
	struct object *held[FILLED];

	create((struct rk_cache_options){.per_cpu = 8, .batch = 4, .limit = 2 * FILLED});
	for (int i = 0; i < FILLED; i++)
		held[i] = get();
	one = held[0];
	for (int i = 1; i < FILLED; i++)
		put(held[i]);
	barren = true;
}

/* Moves all objects to the depot. Then the arrays are empty. */
static void fill_depot(void)
{
	fill();
	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
		CHECK(rk_cache_reclaim(cache, cpu) == 0);
}

static void reclaim_here(void)
{
	int r = rk_cache_reclaim(cache, rk_cpu());

	CHECK(r == 0 || r == -EBUSY);
}

static void get_one(void)
{
	struct object *another = get();

	if (another != NULL)
		put(another);
}

static void put_one(void)
{
	put(one);
}

/*
 * Uses only the depot. For an array the thread would use critical sections, and each step into such a section aborts it.
 * Between rk_vfork_begin() and rk_vfork_end() a thread has no rseq, so it uses the depot.
 */
static void use_the_depot(void)
{
	void *got;

	CHECK(rk_vfork_begin() == 0);
	got = rki_cache_get_slow(cache, RK_NO_RSEQ);

	if (got != NULL) {
		move(got, CACHED, HELD);
		move(got, HELD, CACHED);
		rki_cache_put_slow(cache, got, RK_NO_RSEQ);
	}
	CHECK(rk_vfork_end() == 0);
}

static void use_a_batch(void)
{
	void *held[10];
	size_t n = rk_cache_get_batch(cache, held, 10);

	for (size_t i = 0; i < n; i++) {
		move(held[i], CACHED, HELD);
		move(held[i], HELD, CACHED);
	}
	rk_cache_put_batch(cache, held, n);
}

/* Reclaims all arrays, then gets all objects. Each object must be there once. */
static int all_are_there(void)
{
	struct rk_cache_report report;
	int held = count_objects(HELD);

	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
		CHECK(rk_cache_reclaim(cache, cpu) == 0);
	report = stats();
	CHECK(report.in_arrays == 0 && report.capacity == 0 && report.in_depot == (uint64_t)(FILLED - held));
	CHECK(report.left == 2 * FILLED - report.in_depot);
	while (get() != NULL)
		;
	return count_objects(HELD) == FILLED && wrong_objects == 0 && destructed == 0 ? 0 : 1;
}

/*
 * Another thread forked; this function runs in the child. No object is in the cache twice. The child has lost at most the
 * objects of one magazine (a batch in the depot) and of one array, which the interrupted thread was moving.
 */
static int use_in_child(void)
{
	int n;

	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
		CHECK(rk_cache_reclaim(cache, cpu) == 0);
	while (get() != NULL)
		;
	n = count_objects(HELD);
	CHECK(n <= FILLED && n >= FILLED - RK_CACHE_BATCH_MAX - 8 && wrong_objects == 0);
	return rk_cache_destroy(cache) == 0 ? 0 : 1;
}

static void fork_by_another(void)
{
	fork_in_another_thread(use_in_child);
}

static void use_as_well(void)
{
	struct object *held[12];
	int n;

	reclaim_here();
	use_a_batch();
	for (n = 0; n < 12 && (held[n] = get()) != NULL; n++)
		;
	while (n > 0)
		put(held[--n]);
}

static void at_every_instruction(void **state)
{
	static const struct interrupted all[] = {
		{fill, reclaim_here, fork_by_another, all_are_there, false},
		{fill, reclaim_here, fork_this_thread, all_are_there, false},
		{fill, reclaim_here, use_as_well, all_are_there, false},
		{fill_depot, use_the_depot, use_as_well, all_are_there, false},
		{fill_depot, use_the_depot, fork_by_another, all_are_there, false},
	};
	static const struct interrupted first[] = {
		{fill_depot, get_one, use_as_well, all_are_there, false},
		{fill, put_one, use_as_well, all_are_there, false},
		{fill, put_one, fork_by_another, all_are_there, false},
		{fill, use_a_batch, use_as_well, all_are_there, false},
		{fill, use_a_batch, fork_this_thread, all_are_there, false},
	};

	(void)state;
	instructions_max = 3000;
	interrupt_each(all, sizeof(all) / sizeof(all[0]));
	instructions_max = 300;
	interrupt_each(first, sizeof(first) / sizeof(first[0]));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(at_every_instruction),
};

RUN(tests)
