/* SPDX-License-Identifier: MIT */
/*
 * Tests a cache in a storm (storm.h), while other threads reclaim and trim. A cache keeps objects in one array per CPU, and in
 * a depot that all CPUs share. A reclaim moves the objects of a CPU's array to the depot, and a trim destructs objects of the
 * depot. The invariant is the invariant of objects.h, and the cache never holds more than its limit. CPUs can go offline and
 * come back during the test.
 */
#include "objects.h"
#include "storm.h"

#define LIMIT 300
#define BATCH 70

static uint64_t got, got_in_batches, reclaims, refused, trimmed;

/* The constructor. It makes an object that was never made, or one that was destructed. */
static void *remake(void *context)
{
	for (int i = 0; i < 20; i++) {
		int number = __atomic_fetch_add(&made, 1, __ATOMIC_RELAXED) % OBJECTS, unmade = UNMADE;

		if (number < 0 || !__atomic_compare_exchange_n(&objects[number].where, &unmade, CACHED, 0, __ATOMIC_RELAXED,
							       __ATOMIC_RELAXED))
			continue;
		EXPECT(context == &cache);
		__atomic_fetch_add(&constructed, 1, __ATOMIC_RELAXED);
		return &objects[number];
	}
	return NULL;
}

static void use_one(uint64_t *random)
{
	bool overflow = draw(random) % 8 == 0; /* if true, gets as a thread without rseq does */
	void *object = overflow ? rki_cache_get_slow(cache, RK_NO_RSEQ) : rk_cache_get(cache);

	if (object == NULL)
		return;
	move(object, CACHED, HELD);
	__atomic_fetch_add(&got, 1, __ATOMIC_RELAXED);
	move(object, HELD, CACHED);
	if (draw(random) % 8 == 0)
		rki_cache_put_slow(cache, object, RK_NO_RSEQ);
	else
		rk_cache_put(cache, object);
}

static void use_some(uint64_t *random)
{
	void *held[BATCH];
	size_t n = 0, wanted = 1 + draw(random) % BATCH;

	if (draw(random) % 2 == 0)
		n = rk_cache_get_batch(cache, held, wanted);
	for (; n < wanted; n++)
		if ((held[n] = rk_cache_get(cache)) == NULL)
			break;
	for (size_t i = 0; i < n; i++)
		move(held[i], CACHED, HELD);
	__atomic_fetch_add(&got_in_batches, n, __ATOMIC_RELAXED);
	for (size_t i = 0; i < n; i++)
		move(held[i], HELD, CACHED);
	if (draw(random) % 2 == 0) {
		rk_cache_put_batch(cache, held, n);
		return;
	}
	while (n > 0)
		rk_cache_put(cache, held[--n]);
}

static void use(uint64_t *random)
{
	if (draw(random) % 4 == 0)
		use_some(random);
	else
		use_one(random);
}

static void live(struct storm_thread *t)
{
	storm_use(t, use);
}

static void handle(struct storm_thread *t)
{
	for (int i = 0; i < 4; i++)
		use(&t->handler_random);
	if (draw(&t->handler_random) % 16 == 0)
		(void)rk_cache_reclaim(cache, any_cpu(&t->handler_random));
}

/* Checks in a child that each object in the cache is there once, and that the cache works. */
static int child(void)
{
	uint64_t random = 88172645463325252;

	alarm(60);
	for (int i = 0; i < 100; i++)
		use(&random);
	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
		CHECK(rk_cache_reclaim(cache, cpu) == 0);
	for (int i = 0; i < 100; i++)
		use(&random);
	CHECK(rk_cache_destroy(cache) == 0);
	return wrong == 0 ? 0 : 1;
}

static void *keep_reclaiming(void *stop)
{
	uint64_t random = 2463534242 ^ (uintptr_t)&random;

	while (!__atomic_load_n((int *)stop, __ATOMIC_RELAXED)) {
		int r = draw(&random) % 8 == 0 ? rk_cache_reclaim_idle(cache) : rk_cache_reclaim(cache, any_cpu(&random));

		EXPECT(r == 0 || r == -EBUSY);
		__atomic_fetch_add(r == 0 ? &reclaims : &refused, 1, __ATOMIC_RELAXED);
		if (draw(&random) % 4 == 0)
			__atomic_fetch_add(&trimmed, rk_cache_trim(cache, draw(&random) % LIMIT), __ATOMIC_RELAXED);
		if (draw(&random) % 4 == 0)
			usleep(20);
	}
	return NULL;
}

/*
 * A refill moves a batch from the depot to an array, and a flush moves a batch back. On slow CPUs, the reclaiming threads may
 * leave no array full enough for a flush, so either a refill or a flush is enough.
 */
static bool enough(void)
{
	struct rk_cache_report report = stats();

	return count_now(&got) > 0 && count_now(&got_in_batches) > 0 && count_now(&reclaims) > 0 &&
	       (!WITH_RSEQ() || (report.refills + report.flushes > 0 && report.reclaimed > 0));
}

static void storm(void **state)
{
	static const struct storm weather = {live, handle, NULL, child, keep_reclaiming, 2, enough};
	struct rk_cache_options options = {.per_cpu = 100, .batch = 16, .limit = LIMIT, .context = &cache};
	struct rk_cache_report report;

	(void)state;
	options.construct = remake;
	options.destruct = destruct;
	assert_int_equal(rk_cache_create(&cache, &options, sizeof(options)), 0);
	storm_run(&weather);
	report = stats();
	printf("# %llu got, %llu in batches; %llu made, %llu destructed; %llu reclaims of %llu objects, %llu refused, %llu trimmed\n",
	       (unsigned long long)got, (unsigned long long)got_in_batches, (unsigned long long)constructed,
	       (unsigned long long)destructed, (unsigned long long)reclaims, (unsigned long long)report.reclaimed,
	       (unsigned long long)refused, (unsigned long long)trimmed);
	printf("# %llu gets, %llu puts; of the depot %llu and %llu; %llu refills, %llu flushes\n",
	       (unsigned long long)report.gets, (unsigned long long)report.puts, (unsigned long long)report.depot_gets,
	       (unsigned long long)report.depot_puts, (unsigned long long)report.refills,
	       (unsigned long long)report.flushes);
	/* All threads have ended, and have put all objects that they got, so the numbers must agree. */
	assert_int_equal(report.in_arrays + report.in_depot, count_objects(CACHED));
	assert_int_equal(report.in_arrays + report.in_depot, constructed - destructed);
	assert_int_equal(report.left + report.capacity + report.in_depot, LIMIT);
	assert_int_equal(report.constructed, constructed);
	assert_int_equal(report.destructed, destructed);
	assert_true(report.in_arrays <= report.capacity);
	assert_true(enough());
	assert_int_equal(rk_cache_destroy(cache), 0);
	assert_int_equal(constructed, destructed);
	assert_int_equal(wrong + wrong_objects, 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(storm),
};

RUN(tests)
