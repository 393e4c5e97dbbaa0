/* SPDX-License-Identifier: MIT */
/*
 * Tests deferred calls in a child. In the child, each call that the parent has deferred is made once. The runner is the thread
 * that makes calls in the parent. The result must not depend on what the runner was doing at the fork.
 */
#include "structures/rcu.h"
#include <semaphore.h>
#include "rcu_jobs.h"

/*
 * Runs in a child, twice. At the first fork, 20 calls wait for a grace period that has begun, and 10 calls wait for the
 * next one. At the second fork, all calls have been made in the parent.
 */
static int called_in_child(void)
{
	alarm(60);
	CHECK(rk_rcu_barrier(rcu) == 0 && called == 30);
	for (int i = 0; i < 30; i++)
		CHECK(jobs[i].called == 1);
	CHECK(rk_rcu_defer(rcu, &jobs[40].call, work) == 0 && rk_rcu_barrier(rcu) == 0 && called == 31);
	return rk_rcu_destroy(rcu);
}

static void called_in_children(void **state)
{
	struct rk_rcu_section *section;

	rk_rcu_read_lock(rcu, &section);
	(void)state;
	defer(0, 20);
	assert_int_equal(rk_rcu_run(rcu, 0), 0);
	defer(20, 10);
	assert_int_equal(in_child(called_in_child), 0);
	assert_int_equal(called, 0);
	rk_rcu_read_unlock(rcu, section);
	assert_int_equal(rk_rcu_barrier(rcu), 0);
	each_called_once(30);
	assert_int_equal(in_child(called_in_child), 0);
}

/*
 * The child lacks the parent's runner. At the fork, the runner may have had some calls in two lists at the same time. This test
 * builds each state of the lists that src/structures/rcu_calls.c can leave.
 */
enum leftover { NAMED, NAMED_WITH_MORE_BEFORE, READY, SOME_CALLED, LEFTOVERS };

static sem_t claimed, forked;

static void *claim_and_leave(void *arg)
{
	struct rk_rcu_state *state = rk_rcu_state(rcu);
	enum leftover leftover = *(enum leftover *)arg;

	if (rk_claim_take_try(&state->runner) != 0)
		abort();
	state->waiting = state->queue;
	if (leftover == NAMED_WITH_MORE_BEFORE && rk_rcu_defer(rcu, &jobs[10].call, work) != 0)
		abort();
	if (leftover >= READY) {
		state->queue = NULL;
		state->ready = state->waiting;
	}
	if (leftover == SOME_CALLED) {
		state->waiting = NULL;
		for (int i = 0; i < 3; i++) {
			struct rk_rcu_call *call = state->ready;

			state->ready = call->next;
			call->function(call);
		}
	}
	sem_post(&claimed);
	sem_wait(&forked);
	if (rk_claim_release(&state->runner) != 0)
		abort();
	return NULL;
}

static int call_the_rest(int count)
{
	alarm(60);
	CHECK(rk_rcu_destroy(rcu) == -EBUSY);
	CHECK(rk_rcu_barrier(rcu) == 0 && called == count);
	for (int i = 0; i < count; i++)
		CHECK(jobs[i].called == 1);
	return rk_rcu_destroy(rcu);
}

static void left_half_done_by_a_runner(void **state)
{
	(void)state;
	sem_init(&claimed, 0, 0);
	sem_init(&forked, 0, 0);
	for (int leftover = 0; leftover < LEFTOVERS; leftover++) {
		enum leftover arg = (enum leftover)leftover;
		int count = arg == NAMED_WITH_MORE_BEFORE ? 11 : 10;
		pthread_t thread;

		memset(jobs, 0, sizeof(jobs));
		called = 0;
		defer(0, 10);
		assert_int_equal(pthread_create(&thread, NULL, claim_and_leave, &arg), 0);
		sem_wait(&claimed);
		assert_int_equal(in_child_with(call_the_rest, count), 0);
		rk_rcu_state(rcu)->waiting = NULL; /* does what the runner would do next; in some states this changes nothing */
		sem_post(&forked);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_int_equal(rk_rcu_barrier(rcu), 0);
		each_called_once(count);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(called_in_children, start, end),
	cmocka_unit_test_setup_teardown(left_half_done_by_a_runner, start, end),
};

RUN(tests)
