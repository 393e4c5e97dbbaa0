/* SPDX-License-Identifier: MIT */
/* Reading a ring, taking a snapshot of it, and writing past the CPU's ring, interrupted and forked at each instruction. */
#define INSTRUCTIONS_MAX 2000
#include "interrupt.h"
#include "rings.h"

#define FILLED 6
#define BY_HANDLER 1000

static void fill_with(unsigned flags)
{
	create(8192, flags);
	for (uint64_t i = 0; i < FILLED; i++)
		CHECK(write_one(i, 24) == 0);
}

static void fill(void)
{
	fill_with(0);
}

static void fill_overwriting(void)
{
	fill_with(RK_RING_OVERWRITE);
}

static uint64_t next_number;

/* In order: what was there, and then what handlers wrote. */
static void expect_next(const struct rk_ring_record *record)
{
	CHECK(is_whole(record));
	if (head_of(record).number < BY_HANDLER)
		CHECK(head_of(record).number == next_number++);
}

static void read_here(void)
{
	struct rk_ring_reader reader;
	struct rk_ring_record record;

	if (rk_ring_open(ring, here, &reader) < 0)
		return;
	for (int i = 0; i < 3 && rk_ring_next(&reader, &record); i++)
		expect_next(&record);
	rk_ring_release(&reader);
	CHECK(rk_ring_close(&reader) == 0);
}

static void read_rest(void)
{
	struct rk_ring_reader reader;
	struct rk_ring_record record;

	for (int index = RK_INDEX_OVERFLOW; index <= (here < 0 ? 0 : here); index++) {
		if (rk_ring_open(ring, index, &reader) < 0)
			continue;
		while (rk_ring_next(&reader, &record))
			expect_next(&record);
		rk_ring_release(&reader);
		CHECK(rk_ring_close(&reader) == 0);
	}
}

static int all_was_read(void)
{
	read_rest();
	return next_number == FILLED ? 0 : 1;
}

/* A snapshot that a handler took is gone, so what was read is in order all the same. */
static int some_were_read(void)
{
	read_rest();
	return next_number <= FILLED ? 0 : 1;
}

static void snapshot_here(void)
{
	struct rk_ring_reader reader;
	struct rk_ring_record record;

	if (rk_ring_open(ring, here, &reader) < 0)
		return;
	while (rk_ring_next(&reader, &record))
		expect_next(&record);
	rk_ring_release(&reader);
	CHECK(rk_ring_close(&reader) == 0);
}

static void write_overflow(void)
{
	char buffer[300];

	(void)rk_ring_write_slow(ring, buffer, make_record(buffer, 0, BY_HANDLER, 100), 1, RK_NO_RSEQ);
}

static void write_and_read(void)
{
	char buffer[300];

	/* The overflow ring drops what comes while the interrupted code is writing there. */
	for (int i = 0; i < 5; i++)
		CHECK(write_one(BY_HANDLER + (uint64_t)i, 100) == 0 || !WITH_RSEQ());
	(void)rk_ring_write_slow(ring, buffer, make_record(buffer, 0, BY_HANDLER, 100), 0, RK_NO_RSEQ);
	read_here();
}

/* What it reads is in order, from wherever. */
static int use_part_in_child(void)
{
	struct rk_ring_reader reader;
	struct rk_ring_record record;

	for (int again = 0; again < 2; again++) {
		CHECK(write_one(BY_HANDLER, 100) == 0);
		CHECK(rk_ring_open(ring, here, &reader) >= 0); /* 1: what the other thread had taken */
		while (rk_ring_next(&reader, &record))
			CHECK(is_whole(&record));
		rk_ring_release(&reader);
		CHECK(rk_ring_close(&reader) == 0);
	}
	return 0;
}

static void fork_by_another(void)
{
	fork_in_another_thread(use_part_in_child);
}

static void at_every_instruction(void **state)
{
	static const struct interrupted with[] = {
		{fill, read_here, write_and_read, all_was_read, false},
		{fill, read_here, fork_by_another, all_was_read, false},
		{fill, write_overflow, write_and_read, all_was_read, false},
		{fill_overwriting, snapshot_here, write_and_read, some_were_read, false},
		{fill_overwriting, snapshot_here, fork_by_another, all_was_read, false},
	};

	(void)state;
	interrupt_each(with, sizeof(with) / sizeof(with[0]));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(at_every_instruction),
};

RUN(tests)
