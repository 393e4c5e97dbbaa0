/* SPDX-License-Identifier: MIT */
/*
 * Tests functions of reference counts (get, put, get_try, kill), interrupted at each instruction (interrupt.h). The
 * interruption is a handler that uses the same functions, a fork of the interrupted thread, or a fork of another thread. The
 * references that a handler takes keep the object alive. Each object is released once. If another thread forked, the object may
 * stay alive in the child, because the interrupted thread's references stay counted.
 */
#include "interrupt.h"

struct object {
	struct rk_ref ref;
	int released;
	bool is_killed;
};

static struct object object, second, other;

static void release(struct rk_ref *ref)
{
	((struct object *)ref)->released++;
}

/*
 * Makes the objects, and takes a reference to `object` and a reference to `second`. The handlers and the functions judge() rely
 * on these references.
 */
static void start(void)
{
	CHECK(rk_ref_init(&other.ref, release) == 0); /* called before the steps begin, because the first call takes many steps */
	CHECK(rk_ref_init(&object.ref, release) == 0 && rk_ref_init(&second.ref, release) == 0);
	rk_ref_get(&object.ref);
	rk_ref_get(&second.ref);
	object.is_killed = second.is_killed = false;
}

static void start_killed(void)
{
	start();
	CHECK(rk_ref_kill(&object.ref) == 0);
	object.is_killed = true;
}

static void get_and_put(void)
{
	rk_ref_get(&object.ref);
	rk_ref_put(&object.ref);
}

static void get_and_put_shared(void)
{
	rki_ref_get_slow(&object.ref, RK_NO_RSEQ);
	rki_ref_put_slow(&object.ref, RK_NO_RSEQ);
}

static void try_and_put(void)
{
	CHECK(rk_ref_get_try(&object.ref) == 0);
	rk_ref_put(&object.ref);
}

static void kill_one(void)
{
	CHECK(rk_ref_kill(&object.ref) == 0);
	object.is_killed = true;
}

static void kill_two(void)
{
	struct rk_ref *refs[] = {&object.ref, &second.ref};

	CHECK(rk_ref_kill_all(refs, 2) == 0);
	object.is_killed = second.is_killed = true;
}

static void use_as_well(void)
{
	struct object mine = {.released = 0};

	get_and_put();
	get_and_put_shared();
	try_and_put();
	CHECK(object.released == 0 && second.released == 0);
	CHECK(rk_ref_init(&mine.ref, release) == 0);
	rk_ref_get(&mine.ref);
	CHECK(rk_ref_kill(&mine.ref) == 0 && mine.released == 0);
	rk_ref_put(&mine.ref);
	CHECK(mine.released == 1);
}

/* Runs after the operation. Gives the last references back. */
static int judge(void)
{
	use_as_well();
	if (!object.is_killed)
		CHECK(rk_ref_kill(&object.ref) == 0);
	if (!second.is_killed)
		CHECK(rk_ref_kill(&second.ref) == 0);
	CHECK(object.released == 0 && second.released == 0);
	rk_ref_put(&object.ref);
	rk_ref_put(&second.ref);
	CHECK(object.released == 1 && second.released == 1);
	CHECK(rk_ref_get_try(&object.ref) == -ENOENT);
	return 0;
}

/* While the interrupted code kills the object, the handler gives back the last reference except the owner's. */
static void give_back(void)
{
	rk_ref_put(&object.ref);
}

static int judge_given_back(void)
{
	CHECK(object.is_killed && object.released == 1);
	return 0;
}

/* How many references the interrupted thread has at most. In a child that another thread forked, they are never put. */
static int stay_at_most;

static int go_on_in_child(void)
{
	int r;

	alarm(60);
	use_as_well();
	r = rk_ref_kill(&object.ref);
	CHECK(r == 0 || r == -EALREADY);
	r = rk_ref_kill(&second.ref);
	CHECK(r == 0 || r == -EALREADY);
	CHECK(object.released == 0 && second.released == 0);
	rk_ref_put(&object.ref);
	rk_ref_put(&second.ref);
	CHECK(second.released == 1 && object.released <= 1);
	CHECK(object.released + stay_at_most >= 1);
	return 0;
}

static void fork_by_another(void)
{
	stay_at_most = 1;
	fork_in_another_thread(go_on_in_child);
}

static void fork_by_another_in_a_kill(void)
{
	stay_at_most = 0;
	fork_in_another_thread(go_on_in_child);
}

static void at_every_instruction(void **state)
{
	static const struct interrupted with[] = {
		{start, get_and_put, use_as_well, judge, false},
		{start, get_and_put, fork_this_thread, judge, false},
		{start, get_and_put, fork_by_another, judge, false},
		{start, get_and_put, kill_one, judge, false},
		{start, get_and_put_shared, use_as_well, judge, false},
		{start, get_and_put_shared, kill_one, judge, false},
		{start, try_and_put, kill_one, judge, false},
		{start, try_and_put, fork_this_thread, judge, false},
		{start_killed, get_and_put, use_as_well, judge, false},
		{start_killed, try_and_put, use_as_well, judge, false},
		{start, kill_one, use_as_well, judge, false},
		{start, kill_one, fork_this_thread, judge, false},
		{start, kill_one, fork_by_another_in_a_kill, judge, false},
		{start, kill_one, give_back, judge_given_back, false},
		{start, kill_two, use_as_well, judge, false},
		{start, kill_two, fork_by_another_in_a_kill, judge, false},
	};

	(void)state;
	interrupt_each(with, sizeof(with) / sizeof(with[0]));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(at_every_instruction),
};

RUN(tests)
