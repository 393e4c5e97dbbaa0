/* SPDX-License-Identifier: MIT */
/*
 * ring_newest.c - the newest records of an overwriting ring, from all CPUs in one order (rk_ring_newest() in rseqkit/ring.h).
 *
 * The call takes the logs of all slots first, and then makes one fence, so little time passes between the first log and the last.
 * Writers continue in each slot's other log, which is empty then. The next call shall find the older records, too. Each index
 * therefore has a third log, its history, to which the call moves the records. The invariants:
 *   - Only the holder of the claim of the slot's bank reads or writes a history.
 *   - The records of an index are those of its history, then those of a log that was taken, then those of the log in use.
 *     Between two of these no record is missing. If one is lost, because a log was overwritten, the history is forgotten.
 *   - A record leaves its log before it is in the history. A child that is forked in between lacks this record, and has none
 *     twice.
 *
 * The overflow ring, to which threads without rseq write, has logs and a history, too. Its log is taken under the claim of its
 * writers. A signal handler that interrupted such a write reads the log in its place: the writer doesn't continue before the
 * handler has returned.
 */
#define _GNU_SOURCE
#include "ring_order.h"

#include <errno.h>
#include <string.h>
#include "os/cpus.h"
#include "sync/claim.h"

/* Returns whether records of a log were overwritten since `start` was set. */
static bool has_lost(const struct ring_state *state, const struct ring_log *log)
{
	return oldest_of(state, log) > __atomic_load_n(&log->start, __ATOMIC_ACQUIRE);
}

/* Moves the records of a log that was taken to the history of its index. */
static void keep_records(struct rk_ring *ring, int index, struct ring_log *log)
{
	const struct ring_state *state = ring_state_of(ring);
	struct ring_log *history = log_of(state, index, RING_HISTORY);
	struct rk_ring_reader reader = snapshot_of(ring, index, log);
	struct rk_ring_record record;
	int64_t head;

	while (rk_ring_next(&reader, &record)) {
		char *to = rk_ring_room(state, history, reader.size, &head);

		__atomic_store_n(&log->start, reader.position, __ATOMIC_RELEASE);
		memcpy(to, place_in(state, log, reader.position - reader.size), (size_t)reader.size);
		__atomic_store_n(&history->log.head, head, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&log->start, head_of(log), __ATOMIC_RELEASE);
}

/* Keeps the records of a log that an earlier call, or a thread of the parent process, has taken and not read. */
static int keep_older(struct rk_ring *ring, int cpu)
{
	const struct ring_state *state = ring_state_of(ring);
	void *bank;
	int r = rk_bank_take_of_two(ring, cpu, log_of(state, cpu, 0), log_of(state, cpu, 1), &bank);

	if (r >= 0 && has_lost(state, bank))
		rk_ring_forget_history(ring, cpu);
	if (r >= 0)
		keep_records(ring, cpu, bank);
	(void)rk_bank_done(ring, cpu);
	return r < 0 ? r : rk_bank_begin_try(ring, cpu);
}

static void release_rings(struct rk_ring *ring, const struct merged *merged)
{
	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
		if (merged[cpu - RK_INDEX_OVERFLOW].is_open)
			(void)rk_bank_done(ring, cpu);
	(void)rk_claim_release(&ring_slot_of(ring, RK_INDEX_OVERFLOW)->bank.claim);
}

static int claim_cpu(struct rk_ring *ring, int cpu)
{
	int r = rk_bank_begin_try(ring, cpu);

	return r >= 0 && rk_bank_is_out(&ring_slot_of(ring, cpu)->bank) ? keep_older(ring, cpu) : r;
}

/* Claims the rings of all CPUs. The claim of the overflow ring comes first and is released last: it protects `merged`. */
static int claim_all(struct rk_ring *ring, struct merged *merged, int indexes)
{
	int r = rk_claim_take_try(&ring_slot_of(ring, RK_INDEX_OVERFLOW)->bank.claim);

	if (r < 0)
		return r;
	memset(merged, 0, (size_t)indexes * sizeof(*merged));
	merged[0].is_open = true;
	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu)) {
		r = claim_cpu(ring, cpu);
		if (r < 0) {
			release_rings(ring, merged);
			return r;
		}
		merged[cpu - RK_INDEX_OVERFLOW].is_open = true;
	}
	return 0;
}

/*
 * Takes the log of each slot that has one, and fences all CPUs. Meanwhile a slot can get its first log. Its records can be older
 * than the fence, so such slots are taken in the next round.
 */
static int take_logs(struct rk_ring *ring, struct merged *merged)
{
	const struct ring_state *state = ring_state_of(ring);
	bool again;
	int r = 0;

	do {
		for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu)) {
			struct merged *m = &merged[cpu - RK_INDEX_OVERFLOW];

			m->is_kept = m->taken == NULL && log_in_use(ring, cpu) != NULL;
			if (m->is_kept) {
				prepare_both(state, cpu);
				(void)rk_bank_swap_of_two(ring, cpu, log_of(state, cpu, 0), log_of(state, cpu, 1));
			}
		}
		r = rk_fence_all();
		again = false;
		for (int cpu = rk_cpus_next(-1); r == 0 && cpu >= 0; cpu = rk_cpus_next(cpu)) {
			struct merged *m = &merged[cpu - RK_INDEX_OVERFLOW];

			if (m->is_kept)
				m->taken = rk_bank_swapped(ring, cpu);
			again |= m->taken == NULL && log_in_use(ring, cpu) != NULL;
		}
	} while (r == 0 && again);
	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
		merged[cpu - RK_INDEX_OVERFLOW].is_kept = merged[cpu - RK_INDEX_OVERFLOW].taken != NULL;
	return r;
}

/*
 * Takes the log of the overflow ring, or finds it in its place. Returns false if neither is possible, because another thread is
 * inside a write.
 */
static bool take_overflow(struct rk_ring *ring, struct merged *m)
{
	int r = rk_ring_overflow_take(ring, &m->taken);

	if (r == 1) {
		if (has_lost(ring_state_of(ring), m->taken))
			rk_ring_forget_history(ring, RK_INDEX_OVERFLOW);
		keep_records(ring, RK_INDEX_OVERFLOW, m->taken);
		rk_ring_overflow_done(ring);
		r = rk_ring_overflow_take(ring, &m->taken);
	}
	m->is_kept = r == 0;
	if (r == -EDEADLK)
		m->taken = log_in_use(ring, RK_INDEX_OVERFLOW);
	return r == 0 || r == -EDEADLK;
}

/* Reads the next record of an index, from its history or, after that, from the log that was taken. */
static void advance_index(struct rk_ring *ring, struct merged *m, uint64_t now)
{
	advance(m, now);
	if (m->has || m->then == NULL)
		return;
	m->reader = snapshot_of(ring, m->reader.cpu, m->then);
	m->then = NULL;
	advance(m, now);
}

static void begin_index(struct rk_ring *ring, struct merged *m, int index, uint64_t now)
{
	m->reader = snapshot_of(ring, index, log_of(ring_state_of(ring), index, RING_HISTORY));
	m->then = m->taken;
	m->time = 0;
	advance_index(ring, m, now);
}

/* The records that a call of rk_ring_newest() reads. */
struct selection {
	uint64_t before, now; /* `now` is the clock's value after all logs were taken */
	uint64_t since;       /* from this time on, no record is missing */
	size_t most;
	bool leaves; /* there are more than `most` records */
};

/*
 * Makes the oldest of an index's `most` newest records the next record. Returns the number of these records. If older records of
 * the index are lost, raises `since` above the time of the oldest one that is there.
 */
static size_t choose_index(struct rk_ring *ring, struct merged *m, int index, struct selection *s)
{
	const struct ring_state *state = ring_state_of(ring);
	uint64_t oldest;
	size_t n = 0;

	if (m->taken != NULL && has_lost(state, m->taken))
		rk_ring_forget_history(ring, index);
	begin_index(ring, m, index, s->now);
	oldest = m->has && m->time < s->before ? m->time + 1 : s->before;
	if (ring_slot_of(ring, index)->forgotten || has_lost(state, log_of(state, index, RING_HISTORY)))
		s->since = oldest > s->since ? oldest : s->since;
	for (; m->has && m->time < s->before; n++)
		advance_index(ring, m, s->now);
	begin_index(ring, m, index, s->now);
	for (size_t i = s->most; i < n; i++)
		advance_index(ring, m, s->now);
	s->leaves |= n > s->most;
	return n < s->most ? n : s->most;
}

/* Makes the oldest of the `most` newest records of all indexes the next record. */
static void choose_all(struct rk_ring *ring, struct merged *merged, int indexes, struct selection *s)
{
	struct merged *next;
	size_t there = 0;

	for (int i = 0; i < indexes; i++)
		if (merged[i].is_open)
			there += choose_index(ring, &merged[i], RK_INDEX_OVERFLOW + i, s);
	s->leaves |= there > s->most;
	if (!s->leaves)
		return;
	for (; there > s->most && (next = earliest(merged, indexes, s->before)) != NULL; there--)
		advance_index(ring, next, s->now);
	next = earliest(merged, indexes, s->before);
	if (next == NULL)
		s->since = s->before;
	else if (next->time > s->since)
		s->since = next->time;
}

int rk_ring_newest(struct rk_ring *ring, uint64_t before, size_t most, uint64_t *since,
		   int (*each)(void *context, const struct rk_ring_record *record), void *context)
{
	struct selection selection = {.before = rk_ring_clock(), .most = most};
	int indexes = rk_cpus_get()->highest + 2, r;
	struct merged *merged, *next;

	if (ring == NULL || each == NULL || !overwrites(ring_state_of(ring)))
		return -EINVAL;
	if (before < selection.before)
		selection.before = before;
	merged = ring_state_of(ring)->merged;
	r = claim_all(ring, merged, indexes);
	if (r < 0)
		return r;
	if (!take_overflow(ring, &merged[0]))
		selection.since = selection.before;
	r = take_logs(ring, merged);
	if (r == 0) {
		selection.now = rk_ring_clock();
		choose_all(ring, merged, indexes, &selection);
		if (since != NULL)
			*since = selection.since;
	}
	while (r == 0 && (next = earliest(merged, indexes, selection.before)) != NULL) {
		r = each(context, &next->record);
		advance_index(ring, next, selection.now);
	}
	for (int i = 0; i < indexes; i++)
		if (merged[i].is_kept)
			keep_records(ring, RK_INDEX_OVERFLOW + i, merged[i].taken);
	if (merged[0].is_kept)
		rk_ring_overflow_done(ring);
	release_rings(ring, merged);
	return r;
}
