/* SPDX-License-Identifier: MIT */
/*
 * Tests that the sums of counters are exact on whichever CPUs the threads run, and while other threads reset the counters. The
 * test runs in every world, which is a way in which threads get registered (test.h).
 */
#include "test.h"

static void counts_and_wraps(void **state)
{
	struct rk_counter *c;

	(void)state;
	assert_int_equal(rk_counter_create(NULL), -EINVAL);
	assert_int_equal(rk_counter_create(&c), 0);
	assert_int_equal(rk_counter_sum(c), 0);
	rk_counter_add(c, 5);
	rk_counter_add(c, -7);
	assert_int_equal(rk_counter_sum(c), -2);
	rk_counter_add(c, INT64_MAX);
	rk_counter_add(c, 3);
	assert_int_equal(rk_counter_sum(c), INT64_MIN);
	assert_int_equal(rk_counter_reset(c), INT64_MIN);
	assert_int_equal(rk_counter_sum(c), 0);
	rk_counter_add(c, 1);
	assert_int_equal(rk_counter_reset(c), 1);
	assert_int_equal(rk_counter_destroy(c), 0);
}

static void destroys_only_counters(void **state)
{
	struct rk_counter *c, *d;
	int64_t no_counter;

	(void)state;
	assert_int_equal(rk_counter_create(&c), 0);
	assert_int_equal(rk_counter_destroy(NULL), 0);
	assert_int_equal(rk_counter_destroy((struct rk_counter *)(void *)&no_counter), -EINVAL);
	assert_int_equal(rk_counter_destroy((struct rk_counter *)((char *)c + 4)), -EINVAL);
	assert_int_equal(rk_counter_destroy(c), 0);
	assert_int_equal(rk_counter_destroy(c), -EINVAL);
	/*
	 * A counter in reused memory starts at 0. A reset stores a baseline, which sums subtract; the former counter's baseline
	 * must not remain.
	 */
	assert_int_equal(rk_counter_create(&d), 0);
	rk_counter_add(d, 9);
	(void)rk_counter_reset(d);
	rki_counter_add_slow(d, 9, RK_ABORTED);
	assert_int_equal(rk_counter_destroy(d), 0);
	assert_int_equal(rk_counter_create(&d), 0);
	assert_int_equal(rk_counter_sum(d), 0);
	assert_int_equal(rk_counter_destroy(d), 0);
}

/* Creates more counters than fit into one range of address space. */
static void very_many(void **state)
{
	const size_t n = RK_STRIDE / sizeof(int64_t) + 100;
	struct rk_counter **c = calloc(n, sizeof(c[0]));

	(void)state;
	assert_non_null(c);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(rk_counter_create(&c[i]), 0);
		rk_counter_add(c[i], (int64_t)i);
	}
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(rk_counter_sum(c[i]), i);
		assert_int_equal(rk_counter_destroy(c[i]), 0);
	}
	free(c);
}

#define THREADS 6

static struct rk_counter *shared;
static int64_t adds;

static void *add(void *arg)
{
	int64_t value = *(int64_t *)arg;

	for (int64_t i = 0; i < adds; i++)
		rk_counter_add(shared, value);
	return NULL;
}

/*
 * Returns a number of adds that takes long enough for many interruptions. Without rseq, the number is lower, because
 * contended atomic adds are fifty times slower than sections.
 */
static int64_t many(void)
{
	return ROUNDS(WITH_RSEQ() ? 100000000 : 3000000);
}

static void exact_after_join(void **state)
{
	pthread_t thread[THREADS];
	int64_t values[THREADS] = {1, 2, 3, -1, -2, 1000000007};
	int64_t sum = 0;

	(void)state;
	adds = many();
	assert_int_equal(rk_counter_create(&shared), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, add, &values[i]), 0);
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(thread[i], NULL), 0);
		sum += values[i] * adds;
	}
	assert_int_equal(rk_counter_sum(shared), sum);
	assert_int_equal(rk_counter_destroy(shared), 0);
}

static int adding;
static int64_t taken[2];

static void *keep_resetting(void *arg)
{
	int64_t *mine = arg;

	while (__atomic_load_n(&adding, __ATOMIC_ACQUIRE))
		*mine += rk_counter_reset(shared);
	return NULL;
}

/* Two threads reset while four threads add. Each add is in exactly one of the values that the resets return. */
static void resets_lose_nothing(void **state)
{
	pthread_t adders[4], resetters[2];
	int64_t one = 1;

	(void)state;
	adds = many();
	taken[0] = taken[1] = 0;
	__atomic_store_n(&adding, 1, __ATOMIC_RELEASE);
	assert_int_equal(rk_counter_create(&shared), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&adders[i], NULL, add, &one), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&resetters[i], NULL, keep_resetting, &taken[i]), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_join(adders[i], NULL), 0);
	__atomic_store_n(&adding, 0, __ATOMIC_RELEASE);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(resetters[i], NULL), 0);
	assert_int_equal(taken[0] + taken[1] + rk_counter_reset(shared), 4 * adds);
	assert_int_equal(rk_counter_sum(shared), 0);
	assert_int_equal(rk_counter_destroy(shared), 0);
}

/*
 * Between rk_vfork_begin() and rk_vfork_end(), this thread has no rseq. It adds to the overflow slot (the counter's memory for
 * threads without rseq), and the sum includes these adds.
 */
static void total_without_rseq(void **state)
{
	(void)state;
	assert_int_equal(rk_counter_create(&shared), 0);
	rk_counter_add(shared, 1);
	assert_int_equal(rk_vfork_begin(), 0);
	for (int i = 0; i < 1000; i++)
		rk_counter_add(shared, 1);
	assert_int_equal(*(int64_t *)rk_percpu_slot(shared, RK_INDEX_OVERFLOW),
			 WITH_RSEQ() ? 1000 : 1001);
	assert_int_equal(rk_vfork_end(), 0);
	rk_counter_add(shared, 1);
	assert_int_equal(rk_counter_sum(shared), 1002);
	assert_int_equal(rk_counter_destroy(shared), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(counts_and_wraps), cmocka_unit_test(destroys_only_counters),
	cmocka_unit_test(very_many),        cmocka_unit_test(exact_after_join),
	cmocka_unit_test(resets_lose_nothing), cmocka_unit_test(total_without_rseq),
};

RUN(tests)
