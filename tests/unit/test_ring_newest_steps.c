/* SPDX-License-Identifier: MIT */
/*
 * Tests rk_ring_newest(), which reads the newest records of an overwriting ring and leaves them there, with a signal or a fork at
 * each instruction. The overflow ring is the ring of threads without rseq.
 */
#define INSTRUCTIONS_MAX 12000
#include "interrupt.h"
#include "rings.h"

#define FILLED 6
#define BY_HANDLER 1000

static int lacking; /* how many records of fill() were missing at the last reading */

static int expect_newest(void *context, const struct rk_ring_record *record)
{
	uint64_t *next = context, number = head_of(record).number;

	CHECK(is_whole(record));
	if (number >= BY_HANDLER)
		return 0;
	CHECK(number >= *next);
	lacking += (int)(number - *next);
	*next = number + 1;
	return 0;
}

static int read_newest(void)
{
	uint64_t next = 0;
	int r;

	lacking = 0;
	r = rk_ring_newest(ring, UINT64_MAX, SIZE_MAX, NULL, expect_newest, &next);
	CHECK(r == 0 || r == -EBUSY);
	if (r == 0)
		lacking += (int)(FILLED - next);
	return r;
}

static void read_newest_or_none(void)
{
	(void)read_newest();
	CHECK(lacking == 0);
}

static void write_overflow(void)
{
	char buffer[300];

	(void)rki_ring_write_slow(ring, buffer, make_record(buffer, 0, BY_HANDLER, 16), 1, RK_NO_RSEQ);
}

static void write_and_read_newest(void)
{
	CHECK(write_one(BY_HANDLER, 16) == 0 || !WITH_RSEQ());
	write_overflow();
	read_newest_or_none();
}

/* Fills the overflow ring, or this CPU's ring, and moves some of the records to the history. */
static void fill_history(void)
{
	uint64_t next = 0;
	char buffer[300];

	create(8192, RK_RING_OVERWRITE);
	for (uint64_t i = 0; i < FILLED; i++) {
		CHECK(write_one(i, 24) == 0);
		if (i == FILLED / 2)
			CHECK(rk_ring_newest(ring, UINT64_MAX, SIZE_MAX, NULL, expect_newest, &next) == 0);
	}
	for (int i = 0; i < 3; i++)
		CHECK(rki_ring_write_slow(ring, buffer, make_record(buffer, 0, BY_HANDLER, 16), 1, RK_NO_RSEQ) == 0);
}

static int newest_is_all(void)
{
	return read_newest() == 0 && lacking == 0 ? 0 : 1;
}

/* A child can lack one record of an index, which the parent's thread was moving. */
static int read_newest_in_child(void)
{
	for (int again = 0; again < 2; again++)
		CHECK(read_newest() == 0 && lacking <= 1);
	return 0;
}

static void fork_and_read_newest(void)
{
	fork_in_another_thread(read_newest_in_child);
}

static void at_every_instruction(void **state)
{
	static const struct interrupted with[] = {
		{fill_history, read_newest_or_none, write_and_read_newest, newest_is_all, false},
		{fill_history, read_newest_or_none, fork_and_read_newest, newest_is_all, false},
		{fill_history, write_overflow, write_and_read_newest, newest_is_all, false},
		{fill_history, write_overflow, fork_and_read_newest, newest_is_all, false},
	};

	(void)state;
	interrupt_each(with, sizeof(with) / sizeof(with[0]));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(at_every_instruction),
};

RUN(tests)
