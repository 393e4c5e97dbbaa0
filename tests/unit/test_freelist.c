/* SPDX-License-Identifier: MIT */
/*
 * Tests lists of nodes. Each function is tested alone, also on the overflow list, which threads without rseq share. A drain
 * takes all nodes of a CPU's list. Drains are also tested with a signal or a fork at each instruction. The invariant is the
 * invariant of nodes.h.
 */
#define INSTRUCTIONS_MAX 3000 /* interrupt.h's default is only enough for critical sections */
#include "interrupt.h"
#include "nodes.h"
#include "refuse.h"

static void last_in_first_out(void **state)
{
	struct rk_freelist_node *rest = &nodes[0].link;
	cpu_set_t saved;

	(void)state;
	assert_int_equal(rk_freelist_create(NULL), -EINVAL);
	assert_int_equal(rk_freelist_destroy(NULL, &rest), 0);
	assert_null(rest);
	create();
	assert_int_equal(sched_getaffinity(0, sizeof(saved), &saved), 0);
	pin(rk_cpu());
	assert_int_equal(pop(), -1);
	for (int i = 0; i < 5; i++)
		push(i);
	/* Pushes a chain. */
	for (int i = 5; i < 8; i++) {
		nodes[i].held = 0;
		nodes[i].link.next = i < 7 ? &nodes[i + 1].link : NULL;
	}
	rk_freelist_push_chain(list, &nodes[5].link, &nodes[7].link);
	for (int i = 5; i < 8; i++)
		assert_int_equal(pop(), i);
	for (int i = 4; i >= 0; i--)
		assert_int_equal(pop(), i);
	assert_int_equal(pop(), -1);
	assert_int_equal(sched_setaffinity(0, sizeof(saved), &saved), 0);
	push(9);
	push(10);
	rki_freelist_push_slow(list, &nodes[11].link, &nodes[11].link, RK_NO_RSEQ);
	nodes[11].held = 0;
	assert_int_equal(rk_freelist_destroy((struct rk_freelist *)(void *)((char *)list + 4), &rest), -EINVAL);
	assert_null(rest);
	assert_int_equal(rk_freelist_destroy(list, &rest), 0);
	assert_int_equal(hold_all(rest), 3);
	assert_int_equal(rk_freelist_destroy(list, &rest), -EINVAL);
	/* A list that is created in the memory of a destroyed list is empty. */
	create();
	assert_int_equal(pop(), -1);
	push(0);
	assert_int_equal(rk_freelist_destroy(list, NULL), 0);
}

static void overflow(void **state)
{
	struct rk_freelist_node *rest;

	(void)state;
	create();
	for (int i = 0; i < 4; i++) {
		nodes[i].held = 0;
		nodes[i].link.next = i < 3 ? &nodes[i + 1].link : NULL;
	}
	rki_freelist_push_slow(list, &nodes[1].link, &nodes[3].link, RK_NO_RSEQ);
	rki_freelist_push_slow(list, &nodes[0].link, &nodes[0].link, RK_NO_RSEQ);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pop(), i);
	assert_int_equal(rk_freelist_drain(list, rk_cpu(), &rest), 0);
	assert_null(rest);
	assert_int_equal(rk_freelist_drain(list, RK_INDEX_OVERFLOW, &rest), 0);
	assert_int_equal(hold_all(rest), 2);
	assert_int_equal(rk_freelist_drain(list, RK_INDEX_OVERFLOW, &rest), 0);
	assert_null(rest);
	/* After an abort, the slow functions try the critical section again. */
	nodes[0].held = 0;
	rki_freelist_push_slow(list, &nodes[0].link, &nodes[0].link, RK_ABORTED);
	assert_ptr_equal(rki_freelist_pop_slow(list, RK_ABORTED), &nodes[0].link);
	assert_int_equal(rk_freelist_destroy(list, &rest), 0);
	assert_null(rest);
}

static void drained(void **state)
{
	struct rk_freelist_node *rest;
	cpu_set_t saved;
	int count = 0;

	(void)state;
	create();
	assert_int_equal(rk_freelist_drain(list, 0, NULL), -EINVAL);
	assert_int_equal(rk_freelist_drain_all(list, NULL), -EINVAL);
	assert_int_equal(rk_freelist_drain(NULL, 0, &rest), -EINVAL);
	assert_int_equal(rk_freelist_drain_all(NULL, &rest), -EINVAL);
	assert_int_equal(rk_freelist_drain(list, INT32_MAX, &rest), -EINVAL);
	assert_int_equal(rk_freelist_drain(list, RK_INDEX_RESERVE, &rest), -EINVAL);
	assert_int_equal(rk_freelist_drain_all(list, &rest), 0);
	assert_null(rest);
	assert_int_equal(sched_getaffinity(0, sizeof(saved), &saved), 0);
	for (int cpu = 0; cpu < CPU_SETSIZE && count < NODES - 10; cpu++) {
		if (!CPU_ISSET(cpu, &saved))
			continue;
		pin(cpu);
		for (int i = 0; i < 10; i++)
			push(count++);
		if (cpu % 2 == 0) { /* drained again below; each drain switches to the other of a CPU's two lists */
			assert_int_equal(rk_freelist_drain(list, rk_cpu(), &rest), 0);
			if (WITH_RSEQ())
				assert_int_equal(hold_all(rest), 10);
			else
				assert_null(rest);
			if (rest != NULL)
				count -= 10;
			for (int i = 0; rest != NULL && i < 10; i++)
				push(count++);
		}
	}
	assert_int_equal(sched_setaffinity(0, sizeof(saved), &saved), 0);
	assert_int_equal(rk_freelist_drain_all(list, &rest), 0);
	assert_int_equal(hold_all(rest), count);
	assert_int_equal(rk_freelist_drain_all(list, &rest), 0);
	assert_null(rest);
	assert_int_equal(rk_freelist_destroy(list, &rest), 0);
	assert_null(rest);
}

/*
 * A drain needs a fence, which aborts the critical sections of other threads. A seccomp filter refuses every kind of fence, so
 * a drain fails, and leaves the nodes where no pop finds them. No node is lost, and none is in a list twice.
 */
static int drain_without_a_fence(void)
{
	struct rk_freelist_node *got;

	refuse(SYS_membarrier, SYS_sched_setaffinity, EPERM);
	CHECK(rk_freelist_drain_all(list, &got) == -EHOSTUNREACH && got == NULL);
	for (int i = 10; i < 20; i++)
		push(i);
	for (int i = 19; i >= 10; i--)
		CHECK(pop() == i);
	push(10);
	CHECK(rk_freelist_drain_all(list, &got) == -EHOSTUNREACH && got == NULL);
	CHECK(rk_freelist_destroy(list, &got) == 0 && hold_all(got) == 11);
	return 0;
}

static void *drain_unsuccessfully(void *arg)
{
	struct rk_freelist_node *got;

	refuse(SYS_membarrier, SYS_sched_setaffinity, EPERM);
	CHECK(rk_freelist_drain_all(list, &got) == -EHOSTUNREACH && got == NULL);
	return arg;
}

static void without_a_fence(void **state)
{
	struct rk_freelist_node *got;
	pthread_t thread;

	(void)state;
	if (!WITH_RSEQ())
		SKIP("no rseq: all nodes are in the overflow list");
	create();
	pin(rk_cpu());
	for (int i = 0; i < 10; i++)
		push(i);
	assert_int_equal(in_child(drain_without_a_fence), 0);
	assert_int_equal(pthread_create(&thread, NULL, drain_unsuccessfully, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	push(10);
	assert_int_equal(rk_freelist_drain_all(list, &got), 0);
	assert_int_equal(hold_all(got), 11);
	assert_int_equal(rk_freelist_destroy(list, NULL), 0);
}

/* The following functions test a drain, and a pop of the overflow list, with a signal or a fork at each instruction. */
static struct rk_freelist_node *volatile got;
static volatile int taken, taken_by_handler;

static void fill(void)
{
	create();
	for (int i = 0; i < 5; i++)
		push(i);
	for (int i = 5; i < 8; i++) {
		nodes[i].held = 0;
		rki_freelist_push_slow(list, &nodes[i].link, &nodes[i].link, RK_NO_RSEQ);
	}
	got = NULL;
	taken = taken_by_handler = 0;
}

static void drain_all(void)
{
	struct rk_freelist_node *rest;
	int r = rk_freelist_drain_all(list, &rest);

	CHECK(r == 0 || r == -EBUSY);
	got = rest;
}

static int all_is_there(void)
{
	struct rk_freelist_node *rest;
	int count = hold_all(got);

	CHECK(rk_freelist_drain_all(list, &rest) == 0);
	return count + hold_all(rest) + taken + taken_by_handler == 8 ? 0 : 1;
}

/*
 * Another thread forked; this function runs in the child. A node is either still in the list, or the interrupted
 * drain or pop has taken it off. The list still works.
 */
static int drain_in_child(void)
{
	struct rk_freelist_node *rest;
	int count;

	CHECK(rk_freelist_drain_all(list, &rest) == 0);
	count = hold_all(rest);
	CHECK(count <= 8);
	push(0);
	CHECK(rk_freelist_drain_all(list, &rest) == 0 && hold_all(rest) == 1);
	return 0;
}

static void fork_by_another(void)
{
	fork_in_another_thread(drain_in_child);
}

static void use_as_well(void)
{
	struct rk_freelist_node *rest;
	int number = pop();

	taken_by_handler += number >= 0;
	(void)rk_freelist_drain_all(list, &rest);
	taken_by_handler += hold_all(rest);
	if (number >= 0) {
		push(number);
		taken_by_handler--;
	}
}

static void pop_overflow(void)
{
	struct rk_freelist_node *link = rki_freelist_pop_slow(list, RK_NO_RSEQ);

	if (link != NULL) {
		CHECK(node_of(link)->held == 0);
		node_of(link)->held = 1;
		taken = 1;
	}
}

static void at_every_instruction(void **state)
{
	static const struct interrupted with[] = {
		{fill, drain_all, fork_by_another, all_is_there, false},
		{fill, drain_all, fork_this_thread, all_is_there, false},
		{fill, drain_all, use_as_well, all_is_there, false},
		{fill, pop_overflow, use_as_well, all_is_there, false},
		{fill, pop_overflow, fork_this_thread, all_is_there, false},
	};

	(void)state;
	interrupt_each(with, sizeof(with) / sizeof(with[0]));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(last_in_first_out),
	cmocka_unit_test(overflow),
	cmocka_unit_test(drained),
	cmocka_unit_test(without_a_fence),
	cmocka_unit_test(at_every_instruction),
};

RUN(tests)
