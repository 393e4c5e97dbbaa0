/* SPDX-License-Identifier: MIT */
/*
 * rings.h - a ring of records (ring.h) that one thread writes and reads on one CPU. The invariant is the invariant of
 * records.h.
 */
#ifndef RINGS_H
#define RINGS_H

#include "records.h"
#include "refuse.h"

static struct rk_ring *ring;
static int here; /* the index of the ring that this thread writes to */
static cpu_set_t saved;

static inline void create(size_t size, unsigned flags)
{
	struct rk_ring_options options = {.size = size, .flags = flags};

	assert_int_equal(rk_ring_create(&ring, &options, sizeof(options)), 0);
	assert_int_equal(sched_getaffinity(0, sizeof(saved), &saved), 0);
	pin(rk_cpu());
	here = WITH_RSEQ() ? rk_cpu() : RK_INDEX_OVERFLOW;
}

static inline void drop(void)
{
	assert_int_equal(sched_setaffinity(0, sizeof(saved), &saved), 0);
	assert_int_equal(rk_ring_destroy(ring), 0);
}

static inline int write_one(uint64_t number, size_t length)
{
	char buffer[RECORD_LONGEST];

	return rk_ring_write(ring, buffer, make_record(buffer, 0, number, length));
}

/* Reads all records. Their numbers must count up from `first`. Returns the number of records. */
static inline uint64_t read_all(uint64_t first)
{
	struct rk_ring_reader reader;
	struct rk_ring_record record;
	uint64_t n = 0;

	assert_int_equal(rk_ring_open(ring, here, &reader, sizeof(reader)), 0);
	for (; rk_ring_next(&reader, &record); n++) {
		assert_true(is_whole(&record));
		assert_int_equal(head_of(&record).number, first + n);
		assert_int_equal(record.cpu, here);
	}
	rk_ring_release(&reader);
	assert_int_equal(rk_ring_close(&reader), 0);
	return n;
}

#endif /* RINGS_H */
