/* SPDX-License-Identifier: MIT */
/*
 * Under `rseqkit exec --slice`, with the kernel's part played here: a handler that takes two mutexes, and is granted time or
 * loses its request, at each instruction of functions that take and give back others. Behind the last one there is neither
 * a request nor a grant, and it is so with the next mutex.
 */
#define INSTRUCTIONS_MAX 1500
#include "../unit/interrupt.h"
#include "../unit/slices.h"
#include <time.h>

static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER, second = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t others[2] = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER};
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static const struct timespec past = {1, 0};

static void prepare(void)
{
	begin_fake(ON);
	CHECK(pthread_mutex_lock(&first) == 0 && *fake.control == REQUESTED);
	CHECK(pthread_mutex_unlock(&first) == 0 && *fake.control == 0);
}

static void one(void)
{
	CHECK(pthread_mutex_lock(&first) == 0);
	CHECK(pthread_mutex_unlock(&first) == 0);
}

static void two(void)
{
	CHECK(pthread_mutex_lock(&first) == 0);
	CHECK(pthread_mutex_lock(&second) == 0);
	CHECK(pthread_mutex_unlock(&first) == 0);
	CHECK(pthread_mutex_unlock(&second) == 0);
}

static void with_a_wait(void)
{
	CHECK(pthread_mutex_lock(&first) == 0);
	CHECK(pthread_cond_timedwait(&condition, &first, &past) == ETIMEDOUT);
	CHECK(pthread_mutex_unlock(&first) == 0);
}

static void take_others(void)
{
	CHECK(pthread_mutex_lock(&others[0]) == 0);
	CHECK(pthread_mutex_lock(&others[1]) == 0);
	CHECK(pthread_mutex_unlock(&others[0]) == 0);
	CHECK(pthread_mutex_unlock(&others[1]) == 0);
}

static void take_others_granted(void)
{
	CHECK(pthread_mutex_lock(&others[0]) == 0);
	if (*fake.control == REQUESTED)
		*fake.control = GRANTED;
	CHECK(pthread_mutex_unlock(&others[0]) == 0);
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
	CHECK(pthread_mutex_lock(&others[0]) == 0);
	if (*fake.control != REQUESTED)
		return 2;
	CHECK(pthread_mutex_unlock(&others[0]) == 0);
	return *fake.control != 0 ? 3 : 0;
}

static void handlers_at_each_instruction(void **state)
{
	static void (*const ways[])(void) = {one, two, with_a_wait}, (*const handlers[])(void) = {take_others, take_others_granted, lose};

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
