/* SPDX-License-Identifier: MIT */
/*
 * ring_order.h - for the files that read several logs of a ring in one order (rseqkit/ring.h): the records of a log, and the
 * earliest record of several logs. The invariants are in ring.c.
 */
#ifndef RK_SRC_RING_ORDER_H
#define RK_SRC_RING_ORDER_H

#include "ring.h"

#define SECOND_POSITION ((int64_t)1 << 61) /* the first position of a slot's second log */

/* States of struct rk_ring_reader. The state of a closed reader is 0. */
#define LIVE 1
#define SNAPSHOT 2
#define NO_HEADER (-1) /* no record has this header */

/*
 * Returns the position of the oldest whole block, or the log's `start`, whichever is later. The block before the oldest whole
 * block has the same memory as the head's block, so this memory is being overwritten, or will be.
 */
static inline int64_t oldest_of(const struct ring_state *state, const struct ring_log *log)
{
	int64_t head = head_of(log), unit = unit_of(state), oldest = head - head % unit - (RING_BLOCKS - 1) * unit;
	int64_t start = __atomic_load_n(&log->start, __ATOMIC_ACQUIRE);

	return oldest > start ? oldest : start;
}

/* Returns a reader of the records in a log to which no section writes any more. `log` can be NULL. */
static inline struct rk_ring_reader snapshot_of(struct rk_ring *ring, int index, struct ring_log *log)
{
	struct rk_ring_reader reader = {.ring = ring, .cpu = index, .state = SNAPSHOT, .header = NO_HEADER};

	if (log == NULL)
		return reader;
	reader.log = &log->log;
	reader.mask = ring_state_of(ring)->shared.mask;
	reader.head = head_of(log);
	reader.position = oldest_of(ring_state_of(ring), log);
	return reader;
}

/* Prepares both logs of a slot. The caller holds the claim of the slot's bank. */
static inline void prepare_both(const struct ring_state *state, int index)
{
	struct ring_log *second = log_of(state, index, 1);

	rk_ring_prepare(state, log_of(state, index, 0), 0);
	if (__atomic_load_n(&second->log.limit, __ATOMIC_RELAXED) == 0)
		rk_ring_prepare(state, second, SECOND_POSITION);
}

/*
 * Reads the next record of a log, up to the head that was loaded. A stamp above `clock` was read before the clock started
 * again from zero, which happens if the machine is switched off and its memory is kept. A record with such a stamp is merged
 * by the time of the record before it.
 */
static inline void advance(struct merged *m, uint64_t clock)
{
	m->has = m->reader.position != m->reader.head && rk_ring_next(&m->reader, &m->record);
	m->before = m->reader.position - (m->has ? m->reader.size : 0);
	if (m->has && m->record.time > m->time && m->record.time <= clock)
		m->time = m->record.time;
}

static inline struct merged *earliest(struct merged *merged, int indexes, uint64_t before)
{
	struct merged *first = NULL;

	for (int i = 0; i < indexes; i++)
		if (merged[i].is_open && merged[i].has && merged[i].time < before &&
		    (first == NULL || merged[i].time < first->time))
			first = &merged[i];
	return first;
}

#endif /* RK_SRC_RING_ORDER_H */
