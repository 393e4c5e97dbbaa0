/* SPDX-License-Identifier: MIT */
/*
 * ring_bench.h - the benches `ring`, `ring-batch` and `ring-remote`: records of 16 bytes that are written and read.
 *
 * Each contender (a way to do the job, bench.h) has a function NAME_write(), which writes one record, and a function NAME_read(),
 * which reads one. NAME_write() returns false if there is no room, and NAME_read() if there is no record. All rings have
 * BENCH_RING_SIZE bytes. A thread writes records of a table, reads as many as it wrote, and checks all records that it reads.
 * Threads that share a ring can read each other's records. Invariants: a record is read as it was written. Over all threads of a
 * slice (one measured run, bench.h), the sum of the records read is the sum of the records written (bench_settle_ring()).
 *
 * Concurrency Kit and liburcu aren't needed to build. Without them, their contenders are in the list but can't run.
 */
#ifndef RK_BENCH_RING_H
#define RK_BENCH_RING_H

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#if BENCH_HAVE_CK
#include <ck_ring.h>
#endif
#if BENCH_HAVE_URCU
#define _LGPL_SOURCE /* makes liburcu's functions inline */
#include <urcu/wfcqueue.h>
#endif

#define BENCH_RING_SIZE 16384
#define BENCH_RING_BATCH 32 /* the number of records that one turn of `ring-batch` writes and reads */
#define BENCH_RING_TABLE 64

struct bench_ring_record {
	uint64_t number, complement;
};

#define BENCH_RING_RECORDS (BENCH_RING_SIZE / sizeof(struct bench_ring_record))

/* Record i has the number i. The table is filled at the start, so the compiler of the loops doesn't know its values. */
extern struct bench_ring_record bench_ring_table[BENCH_RING_TABLE];

/*
 * `difference` is the sum of the numbers of all records written, minus the sum of the numbers of all records read. `wrong` isn't
 * 0 if a record was read wrong.
 */
struct ring_tally {
	uint64_t difference, wrong;
};

int bench_ring_create(void);
bool bench_settle_ring(void);
void bench_ring_count(uint64_t difference, uint64_t wrong);

/*
 * The cleanup function of a loop's counts. The address of the counts is needed only after the loop, so the counts can be in
 * registers.
 */
BENCH_INLINE void ring_count(struct ring_tally *tally)
{
	bench_ring_count(tally->difference, tally->wrong);
}

#define RING_TALLY struct ring_tally tally __attribute__((__unused__, __cleanup__(ring_count))) = {0, 0}

BENCH_INLINE const struct bench_ring_record *ring_record(uint64_t number)
{
	return &bench_ring_table[number % BENCH_RING_TABLE];
}

BENCH_INLINE void ring_look_at(struct ring_tally *tally, const struct bench_ring_record *record)
{
	tally->difference -= record->number;
	tally->wrong |= ~(record->number + record->complement);
}

/* Waits a little for another thread. Adds 1 to *times. Returns false if the loop has called this function too often. */
bool bench_ring_wait(uint64_t *times);

/* ---- rseqkit: the CPU's ring, and the ring's reader, which the thread keeps open */

struct ring_own {
	struct rk_ring *ring;
	struct rk_ring_reader reader;
	bool open;
};

extern struct rk_ring *bench_ring;

void bench_ring_leave(struct ring_own *own);

/* Called after a migration. Opens the reader of a ring that has a record. Returns this record, or NULL if all rings are empty. */
const struct bench_ring_record *bench_ring_find(struct ring_own *own);

/* Slow paths get a copy of the struct, so that the loop can keep the reader in registers. */
BENCH_INLINE void ring_own_end(struct ring_own *own)
{
	struct ring_own copy = *own;

	bench_ring_leave(&copy);
}

#define RING_OWN struct ring_own own __attribute__((__cleanup__(ring_own_end))) = {.ring = bench_ring}

BENCH_INLINE bool ring_rseqkit_write(struct ring_own *own, const struct bench_ring_record *record)
{
	return RKI_LIKELY(rk_ring_write(own->ring, record, sizeof(*record)) == 0);
}

BENCH_INLINE bool ring_rseqkit_read(struct ring_own *own, struct ring_tally *tally)
{
	struct rk_ring_record record;

	if (RKI_UNLIKELY(!rk_ring_next(&own->reader, &record))) {
		struct ring_own copy = *own;
		const struct bench_ring_record *found = bench_ring_find(&copy);

		*own = copy;
		if (found == NULL)
			return false;
		ring_look_at(tally, found);
		return true;
	}
	ring_look_at(tally, record.data);
	return true;
}

BENCH_INLINE void ring_rseqkit_release(struct ring_own *own)
{
	rk_ring_release(&own->reader);
}

/* ---- one ring for all, under a mutex */

struct ring_guarded {
	pthread_mutex_t mutex;
	size_t head, tail; /* `head`: records ever written. `tail`: records ever read */
	struct bench_ring_record records[BENCH_RING_RECORDS];
} __attribute__((__aligned__(128)));

extern struct ring_guarded bench_ring_guarded;

BENCH_INLINE bool ring_mutex_write(struct ring_guarded *ring, const struct bench_ring_record *record)
{
	bool room;

	(void)pthread_mutex_lock(&ring->mutex);
	room = ring->head - ring->tail < BENCH_RING_RECORDS;
	if (RKI_LIKELY(room))
		ring->records[ring->head++ % BENCH_RING_RECORDS] = *record;
	(void)pthread_mutex_unlock(&ring->mutex);
	return room;
}

BENCH_INLINE bool ring_mutex_read(struct ring_guarded *ring, struct ring_tally *tally)
{
	struct bench_ring_record record;
	bool there;

	(void)pthread_mutex_lock(&ring->mutex);
	there = ring->head != ring->tail;
	if (RKI_LIKELY(there))
		record = ring->records[ring->tail++ % BENCH_RING_RECORDS];
	(void)pthread_mutex_unlock(&ring->mutex);
	if (RKI_UNLIKELY(!there))
		return false;
	ring_look_at(tally, &record);
	return true;
}

/* ---- Concurrency Kit: one ring for all, and one ring for each thread */

#if BENCH_HAVE_CK
struct ring_ck {
	ck_ring_t ring;
	struct bench_ring_record records[BENCH_RING_RECORDS] __attribute__((__aligned__(64)));
} __attribute__((__aligned__(128)));

CK_RING_PROTOTYPE(bench, bench_ring_record)

#define RING_CK(name, write, read)                                                                                     \
	BENCH_INLINE bool ring_##name##_write(struct ring_ck *ring, const struct bench_ring_record *record)            \
	{                                                                                                              \
		return RKI_LIKELY(write(&ring->ring, ring->records, (void *)(uintptr_t)record));                       \
	}                                                                                                              \
                                                                                                                       \
	BENCH_INLINE bool ring_##name##_read(struct ring_ck *ring, struct ring_tally *tally)                           \
	{                                                                                                              \
		struct bench_ring_record record;                                                                       \
                                                                                                                       \
		if (RKI_UNLIKELY(!read(&ring->ring, ring->records, &record)))                                          \
			return false;                                                                                  \
		ring_look_at(tally, &record);                                                                          \
		return true;                                                                                           \
	}

RING_CK(mpmc, ck_ring_enqueue_mpmc_bench, ck_ring_dequeue_mpmc_bench)
RING_CK(spsc, ck_ring_enqueue_spsc_bench, ck_ring_dequeue_spsc_bench)

extern struct ring_ck bench_ring_mpmc;
extern __thread struct ring_ck bench_ring_spsc;
#endif

/* ---- liburcu's queue, one for all. A thread keeps the nodes that it reads, so it has as many nodes after a turn as before. */

#if BENCH_HAVE_URCU
struct ring_node {
	struct cds_wfcq_node node;
	struct bench_ring_record record;
} __attribute__((__aligned__(64)));

struct ring_queue {
	struct cds_wfcq_head head __attribute__((__aligned__(128)));
	struct cds_wfcq_tail tail __attribute__((__aligned__(128)));
};

struct ring_nodes {
	struct ring_queue *queue;
	size_t count;
	struct ring_node *spare[BENCH_RING_BATCH];
};

extern struct ring_queue bench_ring_queue;

/* Allocates as many nodes as a thread can write before it reads one. bench_ring_forget() frees them at the end of the loop. */
struct ring_nodes bench_ring_nodes(void);
void bench_ring_forget(struct ring_nodes *nodes);

#define RING_NODES struct ring_nodes nodes __attribute__((__cleanup__(bench_ring_forget))) = bench_ring_nodes()

BENCH_INLINE bool ring_wfcqueue_write(struct ring_nodes *nodes, const struct bench_ring_record *record)
{
	struct ring_node *node;

	if (RKI_UNLIKELY(nodes->count == 0))
		return false;
	node = nodes->spare[--nodes->count];
	node->record = *record;
	cds_wfcq_node_init(&node->node);
	(void)cds_wfcq_enqueue(&nodes->queue->head, &nodes->queue->tail, &node->node);
	return true;
}

BENCH_INLINE bool ring_wfcqueue_read(struct ring_nodes *nodes, struct ring_tally *tally)
{
	struct cds_wfcq_node *first = cds_wfcq_dequeue_blocking(&nodes->queue->head, &nodes->queue->tail);
	struct ring_node *node = (struct ring_node *)(void *)first; /* the first member */

	if (RKI_UNLIKELY(!first))
		return false;
	ring_look_at(tally, &node->record);
	nodes->spare[nodes->count++] = node;
	return true;
}
#endif

#define ring_nothing(of) ((void)(of)) /* the `release` of contenders whose read already frees the record's room */

/*
 * Makes a turn: writes `count` records, then reads as many. If there is no room for a record, the thread first reads as many
 * records as it wrote. If the thread wrote no record, it waits, because threads that share a ring can fill the ring before they
 * read. If there is no record to read, the thread waits for a writer to finish.
 */
#define RING_TURN(contender, release, of, count, n)                                                                    \
	for (unsigned left = (count); left != 0;) {                                                                    \
		unsigned written = 0;                                                                                  \
		uint64_t times = 0;                                                                                    \
                                                                                                                       \
		for (; written < left; written++) {                                                                    \
			const struct bench_ring_record *record = ring_record((n) + written);                           \
                                                                                                                       \
			if (RKI_UNLIKELY(!contender##_write(of, record)))                                              \
				break;                                                                                 \
			tally.difference += (uint64_t)(record - bench_ring_table);                                     \
		}                                                                                                      \
		if (RKI_UNLIKELY(written == 0 && !bench_ring_wait(&times)))                                            \
			break;                                                                                         \
		left -= written;                                                                                       \
		for (times = 0; written != 0; written--)                                                               \
			while (RKI_UNLIKELY(!contender##_read(of, &tally)))                                            \
				if (!bench_ring_wait(&times))                                                          \
					break;                                                                         \
		release(of);                                                                                           \
	}

/* Makes a turn of one record. If both operations succeed at once, the thread does nothing else. */
#define RING_ONCE(contender, release, of, n)                                                                           \
	{                                                                                                              \
		const struct bench_ring_record *record = ring_record(n);                                               \
                                                                                                                       \
		if (RKI_UNLIKELY(!contender##_write(of, record))) {                                                    \
			uint64_t times = 0;                                                                            \
                                                                                                                       \
			while (!contender##_write(of, record) && bench_ring_wait(&times))                              \
				;                                                                                      \
		}                                                                                                      \
		tally.difference += (uint64_t)(record - bench_ring_table);                                             \
		if (RKI_UNLIKELY(!contender##_read(of, &tally))) {                                                     \
			uint64_t times = 0;                                                                            \
                                                                                                                       \
			while (!contender##_read(of, &tally) && bench_ring_wait(&times))                               \
				;                                                                                      \
		}                                                                                                      \
		release(of);                                                                                           \
	}

/* X(bench, contender, condition, function), as in remote_bench.h */
#define RING_REMOTES(X)                                                                                                \
	X("ring-remote", "rseqkit", BENCH_RSEQ, ring_remote_rseqkit)                                                   \
	X("ring-remote", "ck-spsc", BENCH_CK, ring_remote_spsc)                                                        \
	X("ring-remote", "ck-mpmc", BENCH_CK, ring_remote_mpmc)                                                        \
	X("ring-remote", "mutex", BENCH_ANY, ring_remote_mutex)

#define RING_REMOTE_DECLARATION(bench, contender, condition, function) uint64_t function(uint64_t n);
RING_REMOTES(RING_REMOTE_DECLARATION)

#endif /* RK_BENCH_RING_H */
