/* SPDX-License-Identifier: MIT */
/* Tests rates: events of a window, computed from readings at various times. */
#include "test.h"

#define SECOND RK_RATE_SECOND
#define MINUTE (60 * SECOND)

static struct rk_rate rate;

/* Checks the events of a window, and which part of it the readings cover. */
static void expect(int64_t window, int64_t events, int64_t covered)
{
	int64_t got = -1;

	assert_int_equal(rk_rate_events(&rate, window, &got), events);
	assert_int_equal(got, covered);
	assert_int_equal(rk_rate_events(&rate, window, NULL), events);
}

static void begin(void)
{
	memset(&rate, 0, sizeof(rate));
}

static void few_readings(void **state)
{
	(void)state;
	begin();
	expect(SECOND, 0, 0);
	rk_rate_note(&rate, 100 * SECOND, 5000);
	expect(SECOND, 0, 0);
	rk_rate_note(&rate, 100 * SECOND, 5100);
	expect(SECOND, 0, 0);
	rk_rate_note(&rate, 110 * SECOND, 6000);
	expect(10 * SECOND, 1000, 10 * SECOND);
	expect(MINUTE, 1000, 10 * SECOND);
	expect(SECOND, 100, SECOND);
	expect(0, 0, 0);
	expect(-1, 0, 0);
	rk_rate_note(&rate, 105 * SECOND, 9999); /* the clock went back */
	expect(MINUTE, 1000, 10 * SECOND);
}

/* Readings at the same distance: the events of a window of whole distances are exact. */
static void even_readings(void **state)
{
	static const int64_t distances[] = {SECOND / 1000, SECOND / 8, SECOND / 4, SECOND, 2 * SECOND, 7 * SECOND};

	(void)state;
	for (size_t i = 0; i < sizeof(distances) / sizeof(distances[0]); i++) {
		int64_t time = -SECOND; /* a clock can have any zero */

		begin();
		for (; time < 3 * MINUTE; time += distances[i])
			rk_rate_note(&rate, time, time / 1000); /* a million events in each second */
		for (int64_t window = SECOND / 8; window <= MINUTE; window += SECOND / 8) {
			int64_t covered, events = rk_rate_events(&rate, window, &covered);

			assert_int_equal(covered, window);
			assert_true(events >= window / 1000 - 2 && events <= window / 1000 + 2);
		}
	}
}

/* A burst of events counts in the windows that it is in, even if readings are frequent. */
static void a_burst(void **state)
{
	int64_t sum = 0, time = 0;

	(void)state;
	begin();
	for (; time < 2 * MINUTE; time += SECOND / 50) {
		if (time == 90 * SECOND)
			sum = 500;
		rk_rate_note(&rate, time, sum);
	}
	expect(MINUTE, 500, MINUTE);
	expect(20 * SECOND, 0, 20 * SECOND);
	expect(SECOND, 0, SECOND);
	/* Readings are kept for a minute, however many there are. */
	for (; time < 2 * MINUTE + 25 * SECOND; time += SECOND / 1000)
		rk_rate_note(&rate, time, sum);
	expect(MINUTE, 500, MINUTE);
	for (; time < 2 * MINUTE + 40 * SECOND; time += SECOND / 1000)
		rk_rate_note(&rate, time, sum);
	expect(MINUTE, 0, MINUTE);
}

static void sums_wrap(void **state)
{
	(void)state;
	begin();
	rk_rate_note(&rate, 0, INT64_MAX - 10);
	rk_rate_note(&rate, SECOND, INT64_MIN + 89);
	expect(SECOND, 100, SECOND);
	expect(SECOND / 2, 50, SECOND / 2);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(few_readings),
	cmocka_unit_test(even_readings),
	cmocka_unit_test(a_burst),
	cmocka_unit_test(sums_wrap),
};

RUN(tests)
