/* SPDX-License-Identifier: MIT */
/*
 * ring.h - for the source files of rings (rseqkit/ring.h): how a ring is laid out in its per-CPU item and its mapped memory.
 * A CPU's slot names the CPU's log, the memory with its records.
 */
#ifndef RK_SRC_RING_H
#define RK_SRC_RING_H

#include <rseqkit/remote.h>
#include <rseqkit/ring.h>
#include <stdbool.h>
#include <sys/types.h>
#include "sync/bank.h"

#define RING_LOGS 3    /* the number of logs of a slot in an overwriting ring; other rings have one */
#define RING_HISTORY 2 /* the last of them, to which no writer writes: see ring_newest.c */
#define RING_BLOCKS 8 /* the number of blocks of an overwriting ring, which loses the records of one block at a time */

/* The content of a CPU's slot, and of the overflow slot, which writers without rseq share. */
struct ring_slot {
	/*
	 * The bank and its claim (rseqkit/bank.h); the reader of the log holds the claim. In the overflow slot of an
	 * overwriting ring, `bank` and `taken` change under the claim `writing`, without a fence. `bank` is 0 before the
	 * first change, and the first log is in use.
	 */
	struct rk_bank_slot bank;
	struct rk_claim writing;  /* in the overflow slot: held by the thread that writes to the overflow ring */
	uint64_t dropped;
	uint64_t forgotten; /* 1 if records were lost or read that aren't in the history: see ring_newest.c */
};

/* A log, which is a bank of its slot (rseqkit/bank.h), begins with this struct. The data follow. */
struct ring_log {
	struct rk_log log;
	int64_t start; /* in an overwriting ring: records before this position count as read */
	char unused[RKI_RING_TAIL - sizeof(struct rk_log) - sizeof(int64_t)];
	int64_t tail;
	char unused_too[RK_LOG_DATA - RKI_RING_TAIL - sizeof(int64_t)];
};

_Static_assert(sizeof(struct ring_log) == RK_LOG_DATA, "the data come after it");
_Static_assert(offsetof(struct ring_log, tail) == RKI_RING_TAIL, "as the header says");

/* State of rk_ring_merge() and rk_ring_newest() for one index: the next record. */
struct merged {
	struct rk_ring_reader reader;
	struct rk_ring_record record;
	int64_t before; /* the position at which the record begins */
	uint64_t time;   /* records are merged in the order of their times */
	bool is_open, has;
	bool is_kept;            /* rk_ring_newest(): the log's records go to the history */
	struct ring_log *taken;  /* rk_ring_newest(): the log that was taken from its slot */
	struct ring_log *then;   /* rk_ring_newest(): the log to read after the one that `reader` reads; or NULL */
};

/*
 * The file descriptor that notifications are written to. It is on a page of its own, which the kernel wipes in children. No
 * copy of this library in a child process therefore finds a descriptor of the parent. rk_ring_notify() stores 0 in `fd` before
 * it changes `process`, so load `process` first, and then `fd`.
 */
struct ring_file {
	int fd;        /* the descriptor plus 1; 0 if there is none */
	pid_t process; /* if the kernel wipes no pages (before 4.14): the process that set `fd`; else 0 */
};

/* One moment on two clocks. */
struct ring_moment {
	uint64_t stamp;
	int64_t monotonic; /* nanoseconds of CLOCK_MONOTONIC */
};

/* The contents of the item's reserve slot, which belongs to no CPU. */
struct ring_state {
	struct rk_ring_shared shared;
	unsigned flags;
	size_t region;
	char *memory; /* the logs: for each index from RK_INDEX_OVERFLOW on, one log, or RING_LOGS if the ring overwrites */
	size_t mapped;
	struct merged *merged; /* one for each index, after the logs */
	struct ring_file *file;
	struct ring_moment created; /* when the ring was created */
};

static inline struct ring_state *ring_state_of(const struct rk_ring *ring)
{
	return (struct ring_state *)rk_percpu_slot(ring, RK_INDEX_RESERVE);
}

static inline struct ring_slot *ring_slot_of(const struct rk_ring *ring, int index)
{
	return (struct ring_slot *)rk_percpu_slot(ring, index);
}

static inline int64_t ring_size_of(const struct ring_state *state)
{
	return state->shared.mask + 1;
}

static inline bool overwrites(const struct ring_state *state)
{
	return state->flags & RK_RING_OVERWRITE;
}

static inline struct ring_log *log_of(const struct ring_state *state, int index, int which)
{
	size_t number = (size_t)(index - RK_INDEX_OVERFLOW) * (overwrites(state) ? RING_LOGS : 1) + (size_t)which;

	return (struct ring_log *)(void *)(state->memory + number * state->region);
}

static inline int64_t head_of(const struct ring_log *log)
{
	return __atomic_load_n(&log->log.head, __ATOMIC_ACQUIRE);
}

/* Returns the log to which writers with this index write, or NULL if there is none yet. */
static inline struct ring_log *log_in_use(const struct rk_ring *ring, int index)
{
	intptr_t word = __atomic_load_n(&ring_slot_of(ring, index)->bank.bank, __ATOMIC_ACQUIRE);
	struct ring_log *overflow = log_of(ring_state_of(ring), RK_INDEX_OVERFLOW, 0);

	if (index != RK_INDEX_OVERFLOW || word != 0)
		return rk_bank_in(word);
	return __atomic_load_n(&overflow->log.limit, __ATOMIC_ACQUIRE) != 0 ? overflow : NULL;
}

/*
 * Returns the size of a unit in bytes. A unit is the whole log or, in an overwriting ring, a block of it. Records don't cross
 * the end of a unit.
 */
static inline int64_t unit_of(const struct ring_state *state)
{
	return overwrites(state) ? ring_size_of(state) / RING_BLOCKS : ring_size_of(state);
}

static inline char *place_in(const struct ring_state *state, struct ring_log *log, int64_t position)
{
	return (char *)log + RK_LOG_DATA + (position & state->shared.mask);
}

/*
 * Turns zeroed memory into a log that begins at `position`. If `position` is 0, several threads are allowed to call this at the
 * same time. For any other position, the caller holds the claim.
 */
void rk_ring_prepare(const struct ring_state *state, struct ring_log *log, int64_t position);

/*
 * Finds room for a record of `size` bytes in a log to which only the caller writes. Returns the record's place, and in *head the
 * head to store when the record is complete. Returns NULL if the log is full.
 */
char *rk_ring_room(const struct ring_state *state, struct ring_log *log, int64_t size, int64_t *head);

/*
 * Takes the overflow log of an overwriting ring. The caller holds the claim of the overflow slot's bank. Returns 0, or 1 if a log
 * had been taken without a later rk_ring_overflow_done(); *log is NULL if there is no log. Returns -EDEADLK in a signal handler
 * that interrupted a write to the overflow ring, and -ETIMEDOUT if another thread doesn't end such a write.
 */
int rk_ring_overflow_take(struct rk_ring *ring, struct ring_log **log);
void rk_ring_overflow_done(struct rk_ring *ring);

/* Forgets the history of an index, because newer records that aren't in it were lost or read. */
void rk_ring_forget_history(const struct rk_ring *ring, int index);

/* Reads both clocks at one moment. */
struct ring_moment rk_ring_now(void);

#endif /* RK_SRC_RING_H */
