/* SPDX-License-Identifier: MIT */
/*
 * Tests caches of objects. A cache keeps objects in one array per CPU, and in a depot that all CPUs share. A reclaim moves the
 * objects of a CPU's array to the depot. Tests each function alone, with and without objects in the depot, and with reclaims.
 * The invariant is the invariant of objects.h.
 */
#include "objects.h"
#include "refuse.h"

static void options_are_checked(void **state)
{
	struct rk_cache_budget budget = {.left = 1000};
	const struct rk_cache_options bad[] = {
		{.destruct = NULL},
		{.destruct = destruct, .per_cpu = RK_CACHE_PER_CPU_MAX + 1},
		{.destruct = destruct, .batch = RK_CACHE_BATCH_MAX + 1},
		{.destruct = destruct, .per_cpu = 8, .batch = 9},
		{.destruct = destruct, .limit = RK_CACHE_LIMIT_MAX + 1},
		{.destruct = destruct, .budget = &budget},
		{.destruct = destruct, .budget = &budget, .limit = 1 << 20, .weight = (uint64_t)1 << 43},
	};
	struct rk_cache_options good = {.destruct = destruct, .per_cpu = RK_CACHE_PER_CPU_MAX, .batch = 1};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cache = (struct rk_cache *)(void *)&good;
		assert_int_equal(rk_cache_create(&cache, &bad[i], sizeof(bad[i])), -EINVAL);
		assert_null(cache);
	}
	assert_int_equal(rk_cache_create(NULL, &good, sizeof(good)), -EINVAL);
	assert_int_equal(rk_cache_create(&cache, NULL, sizeof(struct rk_cache_options)), -EINVAL);
	assert_int_equal(rk_cache_create(&cache, &good, sizeof(good)), 0);
	assert_null(get());
	assert_int_equal(rk_cache_destroy((struct rk_cache *)(void *)((char *)cache + 8)), -EINVAL);
	assert_int_equal(rk_cache_destroy(cache), 0);
	assert_int_equal(rk_cache_destroy(cache), -EINVAL);
	assert_int_equal(rk_cache_destroy(NULL), 0);
	assert_int_equal(rk_cache_query(NULL, NULL, 0), -EINVAL);
	assert_int_equal(rk_cache_reclaim(NULL, 0), -EINVAL);
	assert_int_equal(rk_cache_reclaim_idle(NULL), -EINVAL);
	assert_int_equal(rk_cache_trim(NULL, 0), 0);
	/* Tries many of the allowed numbers of objects per CPU. */
	for (uint32_t n = 1; n <= RK_CACHE_PER_CPU_MAX; n = n * 2 + (n % 3 == 0)) {
		create((struct rk_cache_options){.per_cpu = n, .batch = n < RK_CACHE_BATCH_MAX ? n : 0});
		drop();
	}
}

/*
 * A get returns the object that was put last. A put moves the object to this CPU's array while the array has room, and
 * otherwise to the depot. Gets take objects from the array and from the depot.
 */
static void to_and_fro(void **state)
{
	struct object *held[100];
	cpu_set_t saved;

	(void)state;
	create((struct rk_cache_options){.per_cpu = 40, .batch = 8});
	assert_int_equal(sched_getaffinity(0, sizeof(saved), &saved), 0);
	pin(rk_cpu());
	for (int i = 0; i < 100; i++)
		held[i] = get();
	assert_int_equal(stats().constructed, 100);
	for (int i = 0; i < 100; i++)
		put(held[i]);
	assert_int_equal(stats().destructed, 0);
	assert_int_equal(stats().in_arrays + stats().in_depot, 100);
	if (WITH_RSEQ()) {
		assert_true(stats().in_arrays > 30 && stats().in_arrays <= 40);
		assert_int_equal(stats().capacity, 40);
		assert_int_equal(stats().array_puts, 100);
		assert_true(stats().flushes >= 60 / 8 && stats().flushes <= 1 + 60 / 8);
		assert_ptr_equal(get(), held[99]);
		put(held[99]);
	} else {
		assert_int_equal(stats().in_arrays, 0);
		assert_int_equal(stats().depot_puts, 100);
	}
	for (int i = 0; i < 100; i++)
		assert_non_null(held[i] = get());
	assert_int_equal(stats().constructed, 100);
	assert_int_equal(stats().in_arrays + stats().in_depot, 0);
	assert_int_equal(stats().array_gets + stats().depot_gets, 100 + WITH_RSEQ());
	assert_int_equal(stats().gets, 200 + WITH_RSEQ());
	assert_int_equal(stats().puts, 100 + WITH_RSEQ());
	for (int i = 0; i < 100; i++)
		put(held[i]);
	assert_int_equal(sched_setaffinity(0, sizeof(saved), &saved), 0);
	drop();
}

/* Returns an object. If rk_cache_get_here() returns NULL, which it also does after an aborted section, tries again. */
static void *get_here(void)
{
	void *object = NULL;

	for (int i = 0; i < 200 && object == NULL; i++)
		object = rk_cache_get_here(cache);
	return object;
}

/* rk_cache_get_here() only takes objects from this CPU's array. */
static void from_here(void **state)
{
	cpu_set_t saved;

	(void)state;
	create((struct rk_cache_options){.per_cpu = 40, .batch = 8});
	assert_int_equal(sched_getaffinity(0, sizeof(saved), &saved), 0);
	pin(rk_cpu());
	assert_null(get_here());
	for (int turn = 0; turn < 3; turn++) {
		struct object *one = get(), *two = get(), *got;

		put(one);
		put(two);
		got = get_here();
		if (!WITH_RSEQ()) {
			assert_null(got);
			continue;
		}
		assert_ptr_equal(got, two);
		assert_ptr_equal(get_here(), one);
		assert_null(get_here());
		move(one, CACHED, HELD);
		move(two, CACHED, HELD);
		put(one);
		put(two);
	}
	assert_int_equal(sched_setaffinity(0, sizeof(saved), &saved), 0);
	drop();
}

static void batches(void **state)
{
	void *held[1000];
	size_t most = 0;
	cpu_set_t saved;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(saved), &saved), 0);
	pin(rk_cpu()); /* a thread that moved to another CPU would not get the objects of its old CPU's array */
	for (size_t n = 0; n <= 1000; n = n * 3 / 2 + 1) {
		create((struct rk_cache_options){.per_cpu = 300, .limit = 2000});
		assert_int_equal(rk_cache_get_batch(cache, held, n), n);
		for (int again = 0; again < 3; again++) {
			for (size_t i = 0; i < n; i++) {
				move(held[i], CACHED, HELD);
				move(held[i], HELD, CACHED);
			}
			rk_cache_put_batch(cache, held, n);
			memset(held, 0, sizeof(held));
			most = again == 0 && WITH_RSEQ() ? (size_t)stats().in_arrays : most;
			assert_int_equal(rk_cache_get_batch(cache, held, n), n);
		}
		assert_int_equal(constructed, n);
		assert_int_equal(stats().in_arrays + stats().in_depot, 0);
		for (size_t i = 0; i < n; i++)
			for (size_t k = 0; k < i; k++)
				assert_true(held[i] != held[k]);
		rk_cache_put_batch(cache, held, n);
		drop();
	}
	/* The constructor fails now, so a batch gets fewer objects than the caller asked for. */
	create((struct rk_cache_options){.limit = 100});
	assert_int_equal(rk_cache_get_batch(cache, held, 70), 70);
	rk_cache_put_batch(cache, held, 70);
	barren = true;
	held[70] = held;
	assert_int_equal(rk_cache_get_batch(cache, held, 100), 70);
	assert_null(rk_cache_get(cache));
	rk_cache_put_batch(cache, held, 70);
	drop();
	assert_int_equal(sched_setaffinity(0, sizeof(saved), &saved), 0);
}

static void reclaimed(void **state)
{
	struct object *held[64];
	cpu_set_t saved;
	int cpu;

	(void)state;
	create((struct rk_cache_options){.per_cpu = 64, .batch = 16});
	assert_int_equal(rk_cache_reclaim(cache, -1), -EINVAL);
	assert_int_equal(rk_cache_reclaim(cache, RK_CPUS_MAX), -EINVAL);
	assert_int_equal(rk_cache_reclaim_idle(cache), 0);
	assert_int_equal(sched_getaffinity(0, sizeof(saved), &saved), 0);
	pin(cpu = rk_cpu());
	for (int again = 0; again < 5; again++) {
		for (int i = 0; i < 64; i++)
			held[i] = get();
		for (int i = 0; i < 64; i++)
			put(held[i]);
		assert_int_equal(stats().in_arrays, WITH_RSEQ() ? 64 : 0);
		assert_int_equal(rk_cache_reclaim(cache, cpu), 0);
		assert_int_equal(stats().in_depot, 64);
		assert_int_equal(stats().capacity, 0);
		assert_int_equal(constructed, 64);
		assert_int_equal(rk_cache_reclaim(cache, cpu), 0); /* the array is empty */
	}
	assert_int_equal(stats().gets, 5 * 64);
	assert_int_equal(stats().array_gets + stats().depot_gets + constructed, 5 * 64);
	assert_int_equal(stats().puts, 5 * 64);
	assert_int_equal(stats().array_puts + stats().depot_puts, 5 * 64);
	/*
	 * rk_cache_reclaim_idle() takes objects from arrays that no thread has used since the last call of
	 * rk_cache_reclaim_idle().
	 */
	if (WITH_RSEQ()) {
		put(get());
		assert_int_equal(rk_cache_reclaim_idle(cache), 0);
		put(get());
		assert_int_equal(rk_cache_reclaim_idle(cache), 0);
		assert_true(stats().in_arrays > 0);
		assert_int_equal(rk_cache_reclaim_idle(cache), 0);
		assert_int_equal(stats().in_arrays, 0);
		assert_int_equal(stats().capacity, 0);
		assert_int_equal(rk_cache_reclaim_idle(cache), 0);
	}
	assert_int_equal(rk_cache_trim(cache, 10), 54);
	assert_int_equal(stats().in_depot, 10);
	assert_int_equal(rk_cache_trim(cache, 0), 10);
	assert_int_equal(stats().left, 2 * (unsigned)rk_cpus_count() * 64);
	assert_int_equal(sched_setaffinity(0, sizeof(saved), &saved), 0);
	drop();
}

/*
 * A reclaim needs a fence, which ends the critical sections of other threads. A seccomp filter refuses every kind of fence, so
 * rk_cache_reclaim() fails, and leaves the array's objects where no get finds them. A later reclaim that has a fence, or the
 * cache's destruction, still finds each object once.
 */
static int reclaim_without_a_fence(void)
{
	struct object *held[20];
	int here = rk_cpu();

	refuse(SYS_membarrier, SYS_sched_setaffinity, EPERM);
	/* Only this CPU's array has objects. The arrays of other CPUs are empty, so their reclaims need no fence. */
	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
		CHECK(rk_cache_reclaim(cache, cpu) == (cpu == here ? -EHOSTUNREACH : 0));
	for (int i = 0; i < 20; i++)
		CHECK((held[i] = get()) != NULL);
	for (int i = 0; i < 20; i++)
		put(held[i]);
	CHECK(constructed == 30);
	CHECK(rk_cache_reclaim(cache, here) == -EHOSTUNREACH);
	CHECK(rk_cache_destroy(cache) == 0 && destructed == 30 && wrong_objects == 0);
	return 0;
}

static void *reclaim_unsuccessfully(void *arg)
{
	refuse(SYS_membarrier, SYS_sched_setaffinity, EPERM);
	CHECK(rk_cache_reclaim(cache, *(int *)arg) == -EHOSTUNREACH);
	return arg;
}

static void without_a_fence(void **state)
{
	struct object *held[10];
	pthread_t thread;
	int here = rk_cpu();

	(void)state;
	if (!WITH_RSEQ())
		SKIP("no rseq: all objects are in the depot");
	create((struct rk_cache_options){.per_cpu = 16});
	pin(here);
	for (int i = 0; i < 10; i++)
		held[i] = get();
	for (int i = 0; i < 10; i++)
		put(held[i]);
	assert_int_equal(in_child(reclaim_without_a_fence), 0);
	assert_int_equal(pthread_create(&thread, NULL, reclaim_unsuccessfully, &here), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	put(get());
	assert_int_equal(rk_cache_reclaim(cache, here), 0);
	assert_int_equal(stats().in_depot, 11);
	assert_int_equal(stats().capacity, 0);
	drop();
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(options_are_checked),
	cmocka_unit_test(to_and_fro),
	cmocka_unit_test(from_here),
	cmocka_unit_test(batches),
	cmocka_unit_test(reclaimed),
	cmocka_unit_test(without_a_fence),
};

RUN(tests)
