/* SPDX-License-Identifier: MIT */
/*
 * slice_steps.h - locks whose holder requests a slice extension (a short delay of its preemption), interrupted at each
 * instruction (interrupt.h). This file stores in the area what the kernel would store. The handler takes other locks, stores a
 * grant, or clears the request. After the last instruction there must be neither a request nor a grant, and the next lock must
 * make a request again.
 *
 * A test that includes this file defines LOCK_TYPE, LOCK_INIT, and LOCK(), UNLOCK() and HANDLERS_LOCK(), which return
 * 0 on success. The test also defines the two functions that are declared below.
 */
#ifndef SLICE_STEPS_H
#define SLICE_STEPS_H

#include "interrupt.h"
#include "slices.h"

static void lose_inside(void); /* locks `first`, clears the request as the kernel can do, and unlocks `first` */
static void take_others(void); /* runs in a handler, and takes `others` */

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
