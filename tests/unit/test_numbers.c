/* SPDX-License-Identifier: MIT */
/*
 * Tests the numbers of threads in a child that was forked without fork handlers. A claim is a word with the number of its holder.
 * The child's thread takes its first claim. At each instruction of this, a handler lets another thread take a claim, and then
 * forks. In the handler's child, the library must know that the other thread is elsewhere.
 */
#include "interrupt.h"

static struct rk_claim claim, others_claim;
static int answer;
static bool is_handlers_child;

static void prepare(void) {}

static void take(void)
{
	answer = rk_claim_take_try(&claim);
}

static void *take_others(void *arg)
{
	CHECK(rk_claim_take_try(&others_claim) == 0);
	return arg;
}

static void fork_beside_another(void)
{
	pthread_t thread;
	pid_t pid;

	CHECK(pthread_create(&thread, NULL, take_others, NULL) == 0 && pthread_join(thread, NULL) == 0);
	pid = _Fork();
	CHECK(pid >= 0);
	is_handlers_child = pid == 0;
	if (pid > 0)
		CHECK(exit_status_of(pid) == 0);
}

static int is_free_in_handlers_child(void)
{
	return answer == 0 && rk_claim_take_try(&others_claim) == (is_handlers_child ? 1 : -EBUSY) ? 0 : 1;
}

static void *begin_numbers(void *arg)
{
	CHECK(rk_claim_take_try(&claim) == 0 && rk_claim_release(&claim) == 0);
	return arg;
}

static void forked_at_every_instruction(void **state)
{
	static const struct interrupted w = {prepare, take, fork_beside_another, is_free_in_handlers_child, false};
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, begin_numbers, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	fork_stepped = _Fork;
	interrupt_each(&w, 1); /* the thread has no number yet */
	(void)begin_numbers(NULL);
	interrupt_each(&w, 1);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(forked_at_every_instruction),
};

RUN(tests)
