/* SPDX-License-Identifier: MIT */
/*
 * slice_steps.h - locks that request time, with the kernel's part of the slice extension played here, interrupted at
 * each instruction (interrupt.h): by a handler that takes others, is granted time there, or loses the request. Behind the
 * last one there is neither a request nor a grant, and the next lock requests.
 *
 * Who includes this defines LOCK_TYPE, LOCK_INIT, LOCK(), UNLOCK() and HANDLERS_LOCK(), each 0 if done, and the functions
 * declared below.
 */
#ifndef SLICE_STEPS_H
#define SLICE_STEPS_H

#include "interrupt.h"
#include "slices.h"

static void lose_inside(void); /* takes `first`, and loses the request before it gives it back */
static void take_others(void); /* what a handler does */

static LOCK_TYPE first = LOCK_INIT, second = LOCK_INIT, others[2] = {LOCK_INIT, LOCK_INIT};

static void prepare(void)
{
	begin_fake(ON);
	CHECK(LOCK(&first) == 0 && *fake.control == REQUESTED);
	CHECK(UNLOCK(&first) == 0 && *fake.control == 0);
}

static void one(void)
{
	CHECK(LOCK(&first) == 0);
	CHECK(UNLOCK(&first) == 0);
}

static void two(void)
{
	CHECK(LOCK(&first) == 0);
	CHECK(LOCK(&second) == 0);
	CHECK(UNLOCK(&first) == 0);
	CHECK(UNLOCK(&second) == 0);
}

static void take_another_granted(void)
{
	CHECK(HANDLERS_LOCK(&others[0]) == 0);
	if (*fake.control == REQUESTED)
		*fake.control = GRANTED;
	CHECK(UNLOCK(&others[0]) == 0);
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
	CHECK(LOCK(&others[0]) == 0);
	if (*fake.control != REQUESTED)
		return 2;
	CHECK(UNLOCK(&others[0]) == 0);
	return *fake.control != 0 ? 3 : 0;
}

static void handlers_at_each_instruction(void **state)
{
	static void (*const ways[])(void) = {one, two, lose_inside};
	static void (*const handlers[])(void) = {take_others, take_another_granted, lose};

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

#endif /* SLICE_STEPS_H */
