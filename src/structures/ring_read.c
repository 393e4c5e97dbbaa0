/* SPDX-License-Identifier: MIT */
/*
 * ring_read.c - reads the records of one CPU's log, or merges those of all CPUs (rseqkit/ring.h). The invariants are in
 * ring.c.
 *
 * A snapshot of an overwriting ring is a log that the reader took from its slot (rseqkit/bank.h). When the snapshot is
 * closed, the log is ready for use again, and continues at the position where it ended.
 *
 * If a writer is stopped in C code while a reader takes its log, the section that the writer runs later compares the head
 * with the value read before. If the head has changed, the writer starts again. Otherwise nothing was written meanwhile, and
 * the section is valid.
 *
 * rk_ring_merge() reads the clock and then fences all CPUs. Writers read the stamp of a record in their section, so after the
 * fence no record with an earlier stamp than this clock is written. Writers without rseq write to one ring, the overflow
 * ring. They hold its claim while they read the stamp and until they have stored the head. A barrier instruction comes before
 * each read of a stamp. Without this instruction, a processor can read its clock before the cache line of a lock has arrived.
 * Then the stamps of two threads that hold the lock in turn could be in the wrong order.
 */
#define _GNU_SOURCE
#include "ring_order.h"

#include <errno.h>
#include <string.h>
#include "os/kernel.h"
#include "os/cpus.h"
#include "sync/claim.h"

#define PATIENCE 100000000 /* ns that a merge waits for a writer of the overflow ring */

static int take_snapshot(struct rk_ring *ring, int cpu, struct rk_ring_reader *reader)
{
	const struct ring_state *state = ring_state_of(ring);
	void *bank;
	int r = rk_cpus_has(rk_cpus_get(), cpu) ? rk_bank_begin_try(ring, cpu) : -EINVAL;

	if (r < 0)
		return r;
	prepare_both(state, cpu);
	r = rk_bank_take_of_two(ring, cpu, log_of(state, cpu, 0), log_of(state, cpu, 1), &bank);
	if (r < 0)
		(void)rk_bank_done(ring, cpu);
	else
		*reader = snapshot_of(ring, cpu, bank);
	return r; /* 1: this is an older snapshot */
}

static int take_overflow_snapshot(struct rk_ring *ring, struct rk_ring_reader *reader)
{
	struct rk_claim *claim = &ring_slot_of(ring, RK_INDEX_OVERFLOW)->bank.claim;
	struct ring_log *log;
	int r = rk_claim_take_try(claim);

	if (r < 0)
		return r;
	r = rk_ring_overflow_take(ring, &log);
	if (r < 0)
		(void)rk_claim_release(claim);
	else
		*reader = snapshot_of(ring, RK_INDEX_OVERFLOW, log);
	return r < 0 ? -EAGAIN : r;
}

int rki_ring_open(struct rk_ring *ring, int cpu, struct rk_ring_reader *reader, size_t size)
{
	int r;

	if (ring == NULL || reader == NULL || size < sizeof(*reader) || cpu < RK_INDEX_OVERFLOW || cpu > rk_cpus_get()->highest)
		return -EINVAL;
	memset(reader + 1, 0, size - sizeof(*reader)); /* members that a later release of the library adds */
	if (overwrites(ring_state_of(ring)))
		return cpu == RK_INDEX_OVERFLOW ? take_overflow_snapshot(ring, reader) : take_snapshot(ring, cpu, reader);
	r = rk_claim_take_try(&ring_slot_of(ring, cpu)->bank.claim);
	if (r < 0)
		return r;
	*reader = (struct rk_ring_reader){.ring = ring, .cpu = cpu, .state = LIVE, .header = NO_HEADER};
	return 0;
}

struct rk_ring_reader rki_ring_look(struct rk_ring_reader reader)
{
	if (reader.state != LIVE)
		return reader;
	if (reader.log == NULL) {
		struct ring_log *log = log_in_use(reader.ring, reader.cpu);

		if (log == NULL)
			return reader;
		reader.released = reader.position = __atomic_load_n(&log->tail, __ATOMIC_RELAXED);
		reader.log = &log->log;
		reader.mask = ring_state_of(reader.ring)->shared.mask;
		reader.live = reader.log;
	}
	reader.head = head_of((const struct ring_log *)reader.log);
	return reader;
}

int rki_ring_close(struct rk_ring_reader *reader)
{
	struct rk_bank_slot *slot;
	struct ring_log *log;

	if (reader == NULL || (reader->state != LIVE && reader->state != SNAPSHOT))
		return -EINVAL;
	slot = &ring_slot_of(reader->ring, reader->cpu)->bank;
	if (!rk_claim_is_mine(&slot->claim))
		return -EINVAL;
	log = (struct ring_log *)reader->log;
	/* From here on, functions that use this reader find no records, and release nothing. */
	reader->log = NULL;
	reader->live = NULL;
	reader->head = reader->position;
	if (reader->state == LIVE) {
		reader->state = 0;
		return rk_claim_release(&slot->claim);
	}
	rk_ring_forget_history(reader->ring, reader->cpu);
	if (log != NULL) /* a forked child finds all records or none, because this is one store */
		__atomic_store_n(&log->start, head_of(log), __ATOMIC_RELEASE);
	reader->state = 0;
	if (reader->cpu >= 0)
		return rk_bank_done(reader->ring, reader->cpu);
	rk_ring_overflow_done(reader->ring);
	return rk_claim_release(&slot->claim);
}

static void close_all(struct merged *merged, int indexes)
{
	for (int i = 0; i < indexes; i++) {
		struct rk_ring_reader reader = merged[i].reader;

		if (!merged[i].is_open)
			continue;
		merged[i].is_open = false; /* after the close, another merge can use merged[i] */
		reader.state = LIVE;
		reader.position = merged[i].before;
		rk_ring_release(&reader);
		(void)rk_ring_close(&reader);
	}
}

/* Waits until each writer of the overflow ring that has read a stamp has also stored the head. */
static int fence_overflow(struct rk_ring *ring)
{
	struct rk_claim *writing = &ring_slot_of(ring, RK_INDEX_OVERFLOW)->writing;
	int r = rk_claim_take_for(writing, PATIENCE);

	return r < 0 ? -EAGAIN : rk_claim_release(writing);
}

static int open_all(struct rk_ring *ring, struct merged *merged, int indexes)
{
	struct rk_ring_reader reader;

	for (int i = 0; i < indexes; i++) {
		int r = rk_ring_open(ring, RK_INDEX_OVERFLOW + i, &reader, sizeof(reader));

		if (r < 0) {
			close_all(merged, i);
			return r;
		}
		merged[i] = (struct merged){.reader = reader, .is_open = true};
	}
	return 0;
}

int rk_ring_merge(struct rk_ring *ring, int (*each)(void *context, const struct rk_ring_record *record), void *context)
{
	int indexes = rk_cpus_get()->highest + 2, r;
	struct merged *merged, *next;
	uint64_t now, clock;

	if (ring == NULL || each == NULL || overwrites(ring_state_of(ring)))
		return -EINVAL;
	merged = ring_state_of(ring)->merged;
	r = open_all(ring, merged, indexes); /* the first rk_ring_open() keeps other merges out */
	if (r < 0)
		return r;
	now = rk_ring_clock();
	r = rk_fence_all();
	if (r == 0)
		r = fence_overflow(ring);
	for (int i = 0; r == 0 && i < indexes; i++)
		if (merged[i].is_open) {
			merged[i].reader = rki_ring_look(merged[i].reader);
			merged[i].reader.live = NULL;
			merged[i].reader.state = SNAPSHOT; /* so rk_ring_next() reads no further than the head just loaded */
		}
	clock = rk_ring_clock();
	for (int i = 0; r == 0 && i < indexes; i++)
		if (merged[i].is_open)
			advance(&merged[i], clock);
	while (r == 0 && (next = earliest(merged, indexes, now)) != NULL) {
		r = each(context, &next->record);
		if (r == 0)
			advance(next, clock);
	}
	close_all(merged, indexes);
	return r;
}
