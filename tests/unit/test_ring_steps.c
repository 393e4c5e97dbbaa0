/* SPDX-License-Identifier: MIT */
/*
 * Tests reading a ring, taking a snapshot of a ring, and writing to the overflow ring, with a signal or a fork at each
 * instruction. The overflow ring is the ring of threads without rseq.
 */
#define INSTRUCTIONS_MAX 2000
#include "interrupt.h"
#include "rings.h"
#include <poll.h>
#include <sys/eventfd.h>

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

/* Checks a record. The records of fill() must come in order, without a gap. */
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

	if (rk_ring_open(ring, here, &reader, sizeof(reader)) < 0)
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
		if (rk_ring_open(ring, index, &reader, sizeof(reader)) < 0)
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

/* If a handler took a snapshot, the snapshot's records are gone. The other records are still in order. */
static int some_were_read(void)
{
	read_rest();
	return next_number <= FILLED ? 0 : 1;
}

static void snapshot_here(void)
{
	struct rk_ring_reader reader;
	struct rk_ring_record record;

	if (rk_ring_open(ring, here, &reader, sizeof(reader)) < 0)
		return;
	while (rk_ring_next(&reader, &record))
		expect_next(&record);
	rk_ring_release(&reader);
	CHECK(rk_ring_close(&reader) == 0);
}

static void write_overflow(void)
{
	char buffer[300];

	(void)rki_ring_write_slow(ring, buffer, make_record(buffer, 0, BY_HANDLER, 100), 1, RK_NO_RSEQ);
}

static void write_and_read(void)
{
	char buffer[300];

	/* While the interrupted code writes to the overflow ring, the overflow ring can drop the handler's records. */
	for (int i = 0; i < 5; i++)
		CHECK(write_one(BY_HANDLER + (uint64_t)i, 100) == 0 || !WITH_RSEQ());
	(void)rki_ring_write_slow(ring, buffer, make_record(buffer, 0, BY_HANDLER, 100), 0, RK_NO_RSEQ);
	read_here();
}

/* A child reads whole records, wherever the fork interrupted the parent. */
static int use_part_in_child(void)
{
	struct rk_ring_reader reader;
	struct rk_ring_record record;

	for (int again = 0; again < 2; again++) {
		CHECK(write_one(BY_HANDLER, 100) == 0);
		/* The result is 1 if the reader gets a snapshot that was taken before the fork, and not read. */
		CHECK(rk_ring_open(ring, here, &reader, sizeof(reader)) >= 0);
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

/* The following functions test that a waiting reader is notified of records. */

static int told_at, armed;

static void empty(void)
{
	create(8192, 0);
	told_at = eventfd(0, EFD_NONBLOCK);
	CHECK(told_at >= 0 && write_one(0, 24) == 0 && read_all(0) == 1);
}

static void arm_for_none(void)
{
	empty();
	CHECK(rk_ring_arm(ring) == 0);
}

static void arm_for_file(void)
{
	empty();
	CHECK(rk_ring_notify(ring, told_at) == 0 && rk_ring_arm(ring) == 0);
}

/* Writes by the path that a writer takes if it has found a waiting reader. */
static void write_slowly(void)
{
	char buffer[300];

	CHECK(rki_ring_write_slow(ring, buffer, make_record(buffer, 0, BY_HANDLER, 100), 0, RK_NO_RSEQ) == 0);
}

static void notify_and_arm(void)
{
	next_number = 1;
	read_rest();
	CHECK(rk_ring_notify(ring, told_at) == 0);
	armed = rk_ring_arm(ring);
}

static bool is_told(void)
{
	struct pollfd file = {.fd = told_at, .events = POLLIN};

	return poll(&file, 1, 0) == 1;
}

static int next_is_told(void)
{
	if (armed == 0)
		CHECK(write_one(BY_HANDLER, 24) == 0);
	return armed < 0 || (armed == 0 && !is_told()) ? 1 : 0;
}

/* The interrupted code writes to the overflow ring. The overflow ring can therefore drop the vfork child's record. */
static void write_in_vfork_child(void)
{
	char buffer[300];
	pid_t pid;

	CHECK(rk_vfork_begin() == 0);
	pid = vfork();
	if (pid == 0) {
		(void)rki_ring_write_slow(ring, buffer, make_record(buffer, 0, BY_HANDLER, 100), 0, RK_NO_RSEQ);
		_exit(0);
	}
	CHECK(rk_vfork_end() == 0 && pid > 0 && exit_status_of(pid) == 0);
}

/* Runs after the interrupted write, which must have notified the reader if the vfork child's write hasn't. */
static int is_told_of(void)
{
	return is_told() ? 0 : 1;
}

static void who_waits_is_told(void **state)
{
	static const struct interrupted with[] = {
		{arm_for_none, write_slowly, notify_and_arm, next_is_told, false},
		{arm_for_file, write_slowly, notify_and_arm, next_is_told, false},
		{arm_for_file, write_slowly, write_in_vfork_child, is_told_of, false},
	};

	(void)state;
	interrupt_each(with, sizeof(with) / sizeof(with[0]));
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
	cmocka_unit_test(who_waits_is_told),
};

RUN(tests)
