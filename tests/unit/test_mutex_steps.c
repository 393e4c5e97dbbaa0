/* SPDX-License-Identifier: MIT */
/*
 * Mutexes locked and unlocked, with the kernel's part of the slice extension played here, interrupted at each instruction
 * (interrupt.h): by a handler that takes another mutex, is granted time there, or loses the request. Behind the last one
 * there is neither a request nor a grant, and the next mutex requests.
 */
#define INSTRUCTIONS_MAX 700
#include "interrupt.h"
#include "slices.h"
#include <rseqkit/mutex.h>

static struct rk_mutex first = RK_MUTEX_INIT, second = RK_MUTEX_INIT, another = RK_MUTEX_INIT;

static void prepare(void)
{
	begin_fake(ON);
	CHECK(rk_mutex_lock(&first) == 0 && *fake.control == REQUESTED);
	CHECK(rk_mutex_unlock(&first) == 0 && *fake.control == 0);
}

static void one(void)
{
	CHECK(rk_mutex_lock(&first) == 0);
	CHECK(rk_mutex_unlock(&first) == 0);
}

static void two(void)
{
	CHECK(rk_mutex_lock(&first) == 0);
	CHECK(rk_mutex_lock(&second) == 0);
	CHECK(rk_mutex_unlock(&first) == 0);
	CHECK(rk_mutex_unlock(&second) == 0);
}

/* By a wait, or a system call, inside. */
static void lost(void)
{
	CHECK(rk_mutex_lock(&first) == 0);
	*fake.control = 0;
	CHECK(rk_mutex_unlock(&first) == 0);
}

static void take_another(void)
{
	CHECK(rk_mutex_try(&another) == 0);
	CHECK(rk_mutex_unlock(&another) == 0);
}

static void take_another_granted(void)
{
	CHECK(rk_mutex_try(&another) == 0);
	if (*fake.control == REQUESTED)
		*fake.control = GRANTED;
	CHECK(rk_mutex_unlock(&another) == 0);
}

static void lose(void)
{
	if (*fake.control == REQUESTED)
		*fake.control = 0;
}

static int judge(void)
{
	if (*fake.control != 0)
		return 1;
	CHECK(rk_mutex_lock(&another) == 0);
	if (*fake.control != REQUESTED)
		return 2;
	CHECK(rk_mutex_unlock(&another) == 0);
	return *fake.control != 0 ? 3 : 0;
}

static void handlers_at_each_instruction(void **state)
{
	static void (*const ways[])(void) = {one, two, lost}, (*const handlers[])(void) = {take_another, take_another_granted, lose};

	(void)state;
	NEEDS_FAKE();
	for (size_t i = 0; i < 3; i++) {
		for (size_t k = 0; k < 3; k++) {
			const struct interrupted interrupted = {prepare, ways[i], handlers[k], judge, false};

			interrupt_each(&interrupted, 1);
		}
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(handlers_at_each_instruction),
};

RUN(tests)
