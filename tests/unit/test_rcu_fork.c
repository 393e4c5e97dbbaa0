/* SPDX-License-Identifier: MIT */
/*
 * Tests read sections in a child. The read sections of the child's own thread continue if the thread calls
 * rk_rcu_read_keep(). All other sections have ended.
 */
#include "rcu_ways.h"

static struct rk_rcu_section *mine;

static void *synchronize(void *arg)
{
	*(int *)arg = rk_rcu_synchronize_for(rcu, 20000000);
	return NULL;
}

/* Returns what rk_rcu_synchronize_for() returns in another thread of the child. */
static int synchronize_elsewhere(void)
{
	pthread_t thread;
	int r = 1;

	CHECK(pthread_create(&thread, NULL, synchronize, &r) == 0 && pthread_join(thread, NULL) == 0);
	return r;
}

static int others_are_over(void)
{
	struct rk_rcu_section *section;

	alarm(60);
	CHECK(rk_rcu_synchronize(rcu) == 0);
	rk_rcu_read_lock(rcu, &section);
	CHECK(synchronize_elsewhere() == -ETIMEDOUT);
	rk_rcu_read_unlock(rcu, section);
	CHECK(synchronize_elsewhere() == 0);
	return 0;
}

static int mine_goes_on(void)
{
	alarm(60);
	mine = rk_rcu_read_keep(rcu, mine);
	CHECK(rk_rcu_read_keep(rcu, mine) == mine);
	CHECK(synchronize_elsewhere() == -ETIMEDOUT);
	rk_rcu_read_unlock(rcu, mine);
	CHECK(synchronize_elsewhere() == 0);
	return rk_rcu_destroy(rcu);
}

/*
 * In the parent, the read section keeps this grace period from ending. The child begins the period again. In the child,
 * the kept section keeps the period from ending.
 */
static uint64_t begun;

static int mine_is_still_in_the_way(void)
{
	alarm(60);
	mine = rk_rcu_read_keep(rcu, mine);
	CHECK(rk_rcu_poll(rcu, begun) == 0);
	rk_rcu_read_unlock(rcu, mine);
	CHECK(rk_rcu_poll(rcu, begun) == 1);
	return 0;
}

/*
 * A read section that isn't kept by rk_rcu_read_keep() belongs to no thread of the child. If the child still leaves this
 * section, the child's other sections stay counted, even after three forks in a row.
 */
static int left_in_child(int further)
{
	struct rk_rcu_section *section, *before = mine;

	alarm(60);
	rk_rcu_read_lock(rcu, &section);
	if (further > 0)
		CHECK(in_child_with(left_in_child, further - 1) == 0);
	mine = section;
	if (further > 0)
		CHECK(in_child_with(left_in_child, further - 1) == 0);
	mine = before;
	rk_rcu_read_unlock(rcu, mine);
	CHECK(synchronize_elsewhere() == -ETIMEDOUT);
	rk_rcu_read_unlock(rcu, section);
	CHECK(synchronize_elsewhere() == 0);
	return rk_rcu_destroy(rcu);
}

static pthread_barrier_t there, back;

static void *read_meanwhile(void *arg)
{
	struct rk_rcu_section *section = lock(*(enum way *)arg);

	pthread_barrier_wait(&there);
	pthread_barrier_wait(&back);
	rk_rcu_read_unlock(rcu, section);
	return NULL;
}

static void fork_beside_readers(void **state)
{
	pthread_t threads[WAYS];
	enum way ways[WAYS] = {BY_SECTION, BY_OVERFLOW, AFTER_ABORTS};

	(void)state;
	if (THREAD_SANITIZED)
		SKIP("ThreadSanitizer starts no threads in a child");
	create();
	pthread_barrier_init(&there, NULL, WAYS + 1);
	pthread_barrier_init(&back, NULL, WAYS + 1);
	for (int i = 0; i < WAYS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_meanwhile, &ways[i]), 0);
	pthread_barrier_wait(&there);
	assert_int_equal(in_child(others_are_over), 0);
	/* The result must be the same while a period waits for these readers. */
	assert_true(waits());
	assert_int_equal(in_child(others_are_over), 0);
	for (int way = 0; way < WAYS; way++) {
		mine = lock((enum way)way);
		assert_int_equal(in_child(mine_goes_on), 0);
		assert_int_equal(in_child_with(left_in_child, 2), 0);
		unlock(mine, (enum way)way);
	}
	assert_true(waits());
	pthread_barrier_wait(&back);
	for (int i = 0; i < WAYS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_false(waits());
	assert_int_equal(in_child(others_are_over), 0);
	destroy();
}

static void fork_in_a_period(void **state)
{
	(void)state;
	create();
	for (int way = 0; way < WAYS; way++) {
		mine = lock((enum way)way);
		begun = rk_rcu_start(rcu);
		assert_int_equal(rk_rcu_poll(rcu, begun), 0);
		assert_int_equal(in_child(mine_is_still_in_the_way), 0);
		unlock(mine, (enum way)way);
		assert_int_equal(rk_rcu_poll(rcu, begun), 1);
	}
	destroy();
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(fork_beside_readers),
	cmocka_unit_test(fork_in_a_period),
};

RUN(tests)
