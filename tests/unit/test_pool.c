/* SPDX-License-Identifier: MIT */
/*
 * Tests pools: caches that limit how many objects exist (objects_max in cache.h). A get returns NULL only if callers hold all
 * objects, wherever the free objects are.
 */
#include "objects.h"
#include "refuse.h"

#define MOST 8

static struct object *held[2 * MOST];

static int get_all(void)
{
	int n = 0;

	while (n < 2 * MOST && (held[n] = get()) != NULL)
		n++;
	return n;
}

static void put_all(int n)
{
	while (n > 0)
		put(held[--n]);
}

/* All objects are in the array of one CPU, and a thread on another CPU gets each of them. */
static void free_objects_are_found(void **state)
{
	static const struct rk_cache_options options[] = {
		{.objects_max = MOST},
		{.objects_max = MOST, .per_cpu = 16, .batch = 16},
		{.objects_max = MOST, .per_cpu = 1},
	};
	cpu_set_t saved;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(saved), &saved), 0);
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		create(options[i]);
		for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
			if (!CPU_ISSET(cpu, &saved))
				continue;
			pin(cpu);
			assert_int_equal(get_all(), MOST);
			put_all(MOST);
			assert_int_equal(constructed, MOST);
			assert_int_equal(stats().in_arrays + stats().in_depot, MOST);
			assert_true(stats().in_arrays <= MOST);
		}
		assert_true(stats().searches >= 1); /* at least the get that found no object */
		assert_int_equal(destructed, 0);
		assert_int_equal(stats().gets, stats().puts);
		assert_int_equal(sched_setaffinity(0, sizeof(saved), &saved), 0);
		drop();
	}
}

/* rk_cache_get_batch() finds them, too. */
static void a_batch_is_found(void **state)
{
	void *batch[2 * MOST];
	cpu_set_t saved;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(saved), &saved), 0);
	create((struct rk_cache_options){.objects_max = MOST, .per_cpu = MOST});
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &saved))
			continue;
		pin(cpu);
		assert_int_equal(rk_cache_get_batch(cache, batch, 2 * MOST), MOST);
		rk_cache_put_batch(cache, batch, MOST);
	}
	assert_int_equal(sched_setaffinity(0, sizeof(saved), &saved), 0);
	drop();
}

/* An object that was destructed, or that the constructor couldn't make, doesn't count. */
static void others_take_their_place(void **state)
{
	(void)state;
	create((struct rk_cache_options){.objects_max = MOST, .limit = 2, .per_cpu = 2, .batch = 1});
	for (int i = 0; i < 20; i++) {
		assert_int_equal(get_all(), MOST);
		assert_int_equal(constructed - destructed, MOST);
		put_all(MOST);
		assert_true(constructed - destructed <= 2);
	}
	barren = true;
	for (int i = 0; i < 20; i++) {
		int n = get_all();

		assert_true(n <= 2);
		put_all(n);
	}
	barren = false;
	assert_int_equal(get_all(), MOST);
	put_all(MOST);
	drop();
}

/* Without a constructor, the objects are those that the caller put. */
static void without_a_constructor(void **state)
{
	struct rk_cache_options options = {.objects_max = MOST, .per_cpu = MOST, .destruct = destruct, .context = &cache};
	cpu_set_t saved;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(saved), &saved), 0);
	create((struct rk_cache_options){.objects_max = MOST});
	drop();
	assert_int_equal(rk_cache_create(&cache, &options, sizeof(options)), 0);
	for (int i = 0; i < MOST; i++) {
		objects[i].where = CACHED;
		constructed++;
		rk_cache_put(cache, &objects[i]);
	}
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &saved))
			continue;
		pin(cpu);
		assert_int_equal(get_all(), MOST);
		put_all(MOST);
	}
	assert_int_equal(sched_setaffinity(0, sizeof(saved), &saved), 0);
	drop();
}

/* Per CPU the arrays are small, so the depot keeps objects for other CPUs. Wrong numbers are told. */
static void numbers_follow(void **state)
{
	const struct rk_cache_options few = {.destruct = destruct, .objects_max = 1},
				      many = {.destruct = destruct, .objects_max = RK_CACHE_LIMIT_MAX},
				      too_many = {.destruct = destruct, .objects_max = RK_CACHE_LIMIT_MAX + 1};
	struct object *one;

	(void)state;
	assert_null(rk_cache_options_fault(&few, sizeof(few)));
	assert_null(rk_cache_options_fault(&many, sizeof(many)));
	assert_non_null(strstr(rk_cache_options_fault(&too_many, sizeof(too_many)), "objects_max"));
	create((struct rk_cache_options){.objects_max = 1, .per_cpu = 100, .batch = 50});
	one = get();
	assert_non_null(one);
	assert_null(get());
	put(one);
	assert_true(stats().capacity <= 1);
	assert_int_equal(stats().left + stats().capacity + stats().in_depot, 1 + rk_cpus_count());
	drop();
}

/* Without a fence a get misses the objects of other CPUs. There they stay. */
static void *get_without_fences(void *cpu)
{
	pin(*(const int *)cpu);
	refuse(SYS_membarrier, SYS_sched_setaffinity, EPERM);
	CHECK(get() == NULL && get() == NULL && stats().searches >= 2);
	return NULL;
}

static void refused_fences(void **state)
{
	pthread_t thread;
	cpu_set_t saved;
	int cpus[2], n = 0;

	(void)state;
	if (!WITH_RSEQ())
		SKIP("no rseq: all objects are in the depot");
	if (!two_cpus(cpus))
		SKIP("the process is allowed to use only one CPU");
	assert_int_equal(sched_getaffinity(0, sizeof(saved), &saved), 0);
	create((struct rk_cache_options){.objects_max = MOST, .per_cpu = MOST});
	pin(cpus[0]);
	put_all(get_all());
	assert_int_equal(stats().in_arrays, MOST);
	assert_int_equal(pthread_create(&thread, NULL, get_without_fences, &cpus[1]), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	for (int tries = 0; n < MOST && tries < 1000; tries++) { /* a try can fail because its section was aborted */
		held[n] = rk_cache_get_here(cache);
		n += held[n] != NULL;
	}
	assert_int_equal(n, MOST);
	for (int i = 0; i < MOST; i++)
		rk_cache_put(cache, held[i]);
	assert_int_equal(sched_setaffinity(0, sizeof(saved), &saved), 0);
	drop();
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(free_objects_are_found),
	cmocka_unit_test(a_batch_is_found),
	cmocka_unit_test(others_take_their_place),
	cmocka_unit_test(without_a_constructor),
	cmocka_unit_test(numbers_follow),
	cmocka_unit_test(refused_fences),
};

RUN(tests)
