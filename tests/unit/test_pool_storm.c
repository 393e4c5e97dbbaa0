/* SPDX-License-Identifier: MIT */
/*
 * Tests a pool, a cache that limits how many objects exist (objects_max in cache.h), in a storm (storm.h). Few objects exist, so
 * most gets look into other CPUs' arrays, while other threads reclaim and trim. The invariant is the invariant of objects.h, and
 * never more than MOST objects exist.
 */
#include "objects.h"
#include "storm.h"

#define MOST 12
#define SOME 4

static int exist;
static uint64_t got, refused, reclaims;

static void *make(void *context)
{
	for (int i = 0; i < OBJECTS; i++) {
		int unmade = UNMADE;

		if (!__atomic_compare_exchange_n(&objects[i].where, &unmade, CACHED, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			continue;
		EXPECT(context == &cache);
		EXPECT(__atomic_add_fetch(&exist, 1, __ATOMIC_RELAXED) <= MOST);
		__atomic_fetch_add(&constructed, 1, __ATOMIC_RELAXED);
		return &objects[i];
	}
	return NULL;
}

static void unmake(void *context, void *object)
{
	__atomic_fetch_sub(&exist, 1, __ATOMIC_RELAXED);
	destruct(context, object);
}

static void use(uint64_t *random)
{
	size_t wanted = 1 + draw(random) % SOME, n = 0;
	void *mine[SOME];

	if (draw(random) % 4 == 0) {
		n = rk_cache_get_batch(cache, mine, wanted);
	} else {
		while (n < wanted && (mine[n] = rk_cache_get(cache)) != NULL)
			n++;
	}
	__atomic_fetch_add(n < wanted ? &refused : &got, 1, __ATOMIC_RELAXED);
	for (size_t i = 0; i < n; i++)
		move(mine[i], CACHED, HELD);
	for (size_t i = 0; i < n; i++) {
		move(mine[i], HELD, CACHED);
		rk_cache_put(cache, mine[i]);
	}
}

static void live(struct storm_thread *t)
{
	storm_use(t, use);
}

static void handle(struct storm_thread *t)
{
	use(&t->handler_random);
}

static int child(void)
{
	uint64_t random = 88172645463325252;

	alarm(60);
	for (int i = 0; i < 100; i++)
		use(&random);
	CHECK(rk_cache_destroy(cache) == 0);
	return wrong == 0 ? 0 : 1;
}

static void *keep_reclaiming(void *stop)
{
	uint64_t random = 2463534242 ^ (uintptr_t)&random;

	while (!__atomic_load_n((int *)stop, __ATOMIC_RELAXED)) {
		int r = rk_cache_reclaim(cache, any_cpu(&random));

		EXPECT(r == 0 || r == -EBUSY);
		__atomic_fetch_add(&reclaims, 1, __ATOMIC_RELAXED);
		if (draw(&random) % 4 == 0)
			(void)rk_cache_trim(cache, draw(&random) % MOST);
		usleep(200);
	}
	return NULL;
}

static bool enough(void)
{
	return count_now(&got) > 0 && count_now(&refused) > 0 && count_now(&reclaims) > 0 && stats().searches > 0;
}

static void storm(void **state)
{
	static const struct storm weather = {live, handle, NULL, child, keep_reclaiming, 1, enough};
	struct rk_cache_options options = {.objects_max = MOST, .per_cpu = SOME, .context = &cache};
	struct rk_cache_report report;
	void *all[MOST + 1];

	(void)state;
	options.construct = make;
	options.destruct = unmake;
	assert_int_equal(rk_cache_create(&cache, &options, sizeof(options)), 0);
	storm_run(&weather);
	report = stats();
	printf("# %llu got, %llu refused, %llu searches; %llu made, %llu destructed\n", (unsigned long long)got,
	       (unsigned long long)refused, (unsigned long long)report.searches, (unsigned long long)constructed,
	       (unsigned long long)destructed);
	/* All threads have ended, and have put all objects that they got. All objects can be had, and not one more. */
	assert_int_equal(report.in_arrays + report.in_depot, constructed - destructed);
	assert_int_equal(report.in_arrays + report.in_depot, exist);
	for (int i = 0; i < MOST; i++)
		assert_non_null(all[i] = rk_cache_get(cache));
	assert_null(rk_cache_get(cache));
	rk_cache_put_batch(cache, all, MOST);
	assert_int_equal(exist, MOST);
	assert_int_equal(rk_cache_destroy(cache), 0);
	assert_int_equal(exist, 0);
	assert_int_equal(wrong + wrong_objects, 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(storm),
};

RUN(tests)
