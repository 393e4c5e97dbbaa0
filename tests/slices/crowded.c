/* SPDX-License-Identifier: MIT */
/*
 * crowded.c - tests librseqkit-slices.so in a thread that holds as many locks as the library remembers. The test runs under
 * `rseqkit exec --slice`. While the thread takes or releases a lock, a handler takes further locks, at each instruction
 * (interrupt.h). The library then forgets the oldest locks. After the last unlock there must be neither a request nor a grant.
 */
#define INSTRUCTIONS_MAX 1500
#include "../unit/interrupt.h"
#include "../unit/slices.h"

#define REMEMBERED 8 /* SLICES_HELD_MAX of src/preload/slices_held.h */

static pthread_mutex_t held[REMEMBERED], further, handlers[REMEMBERED + 1];

static void lock_all(pthread_mutex_t *mutexes, int count)
{
	for (int i = 0; i < count; i++)
		CHECK(pthread_mutex_lock(&mutexes[i]) == 0);
}

static void unlock_all(pthread_mutex_t *mutexes, int count)
{
	for (int i = count - 1; i >= 0; i--)
		CHECK(pthread_mutex_unlock(&mutexes[i]) == 0);
}

static void prepare(void)
{
	begin_fake(ON);
	lock_all(held, REMEMBERED);
}

static void release_oldest(void)
{
	CHECK(pthread_mutex_unlock(&held[0]) == 0);
}

static void take_again(void)
{
	CHECK(pthread_mutex_unlock(&held[0]) == 0);
	CHECK(pthread_mutex_lock(&held[0]) == 0);
	CHECK(pthread_mutex_unlock(&held[0]) == 0);
}

static void take_further(void)
{
	CHECK(pthread_mutex_lock(&further) == 0);
	CHECK(pthread_mutex_unlock(&further) == 0);
	CHECK(pthread_mutex_unlock(&held[0]) == 0);
}

static void take_one(void)
{
	lock_all(handlers, 1);
	unlock_all(handlers, 1);
}

static void take_all(void)
{
	lock_all(handlers, REMEMBERED + 1);
	unlock_all(handlers, REMEMBERED + 1);
}

static int judge(void)
{
	unlock_all(held + 1, REMEMBERED - 1);
	if (*fake.control != 0)
		return 1;
	lock_all(held, 1);
	if (*fake.control != REQUESTED)
		return 2;
	unlock_all(held, 1);
	return *fake.control != 0 ? 3 : 0;
}

static void handlers_at_each_instruction(void **state)
{
	static void (*const ways[])(void) = {release_oldest, take_again, take_further};
	static void (*const interrupts[])(void) = {take_one, take_all};

	(void)state;
	NEEDS_FAKE();
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		for (size_t k = 0; k < sizeof(interrupts) / sizeof(interrupts[0]); k++) {
			const struct interrupted interrupted = {prepare, ways[i], interrupts[k], judge, false};

			interrupt_each(&interrupted, 1);
		}
	}
}

/* One lock more than the library remembers: the library forgets the oldest. */
static void the_oldest_is_forgotten(void **state)
{
	(void)state;
	NEEDS_FAKE();
	prepare();
	assert_int_equal(pthread_mutex_lock(&further), 0);
	unlock_all(held + 1, REMEMBERED - 1);
	assert_int_equal(*fake.control, REQUESTED);
	assert_int_equal(pthread_mutex_unlock(&further), 0);
	assert_int_equal(*fake.control, 0);
	assert_int_equal(pthread_mutex_unlock(&held[0]), 0);
	assert_int_equal(*fake.control, 0);
	end_fake();
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_oldest_is_forgotten),
	cmocka_unit_test(handlers_at_each_instruction),
};

RUN(tests)
