/* SPDX-License-Identifier: MIT */
/*
 * Tests a fiber that moves from one thread to another. In one source file, or with link-time optimisation, the compiler can
 * inline functions of the library into the fiber's function. There the thread pointer must be read anew after the fiber moved.
 */
#include "test.h"
#include <ucontext.h>

static ucontext_t fiber, initial, *back = &initial; /* `back`: the thread that runs the fiber now */
static _Alignas(16) char stack[1 << 16];
static char *before, *after;

/* The next thread continues the fiber. */
__attribute__((__noinline__)) static void move(void)
{
	assert_int_equal(swapcontext(&fiber, back), 0);
}

static void read_twice(void)
{
	before = rk_thread_pointer();
	move();
	after = rk_thread_pointer();
	move();
}

static void *run_fiber(void *mine)
{
	ucontext_t own;

	*(char **)mine = rk_thread_pointer();
	back = &own;
	CHECK(swapcontext(&own, &fiber) == 0);
	return NULL;
}

static void thread_pointer_of_a_fiber_that_moved(void **state)
{
	pthread_t thread;
	char *of_thread;

	(void)state;
	if (SANITIZED)
		SKIP("a sanitizer's runtime doesn't follow fibers to other threads");
	assert_int_equal(getcontext(&fiber), 0);
	fiber.uc_stack.ss_sp = stack;
	fiber.uc_stack.ss_size = sizeof(stack);
	makecontext(&fiber, read_twice, 0);
	assert_int_equal(swapcontext(&initial, &fiber), 0);
	assert_int_equal(pthread_create(&thread, NULL, run_fiber, &of_thread), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_ptr_equal(before, rk_thread_pointer());
	assert_ptr_equal(after, of_thread);
	assert_ptr_not_equal(before, after);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(thread_pointer_of_a_fiber_that_moved),
};

RUN(tests)
