/* SPDX-License-Identifier: MIT */
/*
 * ring.c - rings (rseqkit/ring.h): their memory, and writing where the inlined fast path doesn't suffice, because a log's end
 * is reached or the thread has no rseq.
 *
 * A CPU's slot names its log, the memory with the records (rseqkit/bank.h). In an overwriting ring each slot has two logs. A
 * log has three positions, in bytes: records are appended at the head, not beyond the limit, and read at the tail. The
 * invariants:
 *   - A section writes no further than the limit. From the head to the limit the log is free, and in one piece.
 *   - From the tail to the head there are whole records and padding. None of these crosses the end of a unit. A unit is the
 *     log or, in an overwriting ring, a block, an eighth of it. In an overwriting ring the whole records begin with the
 *     seventh block before the head's block, not at the tail.
 *   - Head, limit and tail count up for ever, and a slot's two logs count from different numbers. If a thread reads one of
 *     these positions, and a later section finds the same value, the position hasn't changed in between.
 *
 * At the end of a unit, one section fills the rest with padding, and a second section advances the limit. A thread that
 * writes between these two sections finds no room, and executes the second section itself.
 *
 * One comparison with the limit checks two conditions: the reader has read the bytes that are to be overwritten, and these
 * bytes are in one piece. One section writes a record: it loads the head, compares it with the limit, copies the record, and
 * advances the head. A thread reserves no room before this section, so a thread that stops half-way blocks no other thread.
 * Positions never repeat, so a section can rely on positions that were read before the section.
 *
 * An overwriting ring has the same sections. Its limit advances by a block, and no record crosses the end of a block. The
 * reader of a snapshot therefore knows where records begin, although blocks contain no word that says so. The snapshot leaves
 * out the block that is being overwritten. Aborted sections may have written to that block, too.
 */
#define _GNU_SOURCE
#include "ring.h"

#include <rseqkit/ops_at.h>
#include <rseqkit/thread.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "os/answer.h"
#include "os/cpus.h"
#include "os/kernel.h"
#include "percpu/percpu.h"
#include "sync/pool.h"
#include "sync/claim.h"

#define SIZE 65536
#define PATIENCE 100000 /* ns that a writer without rseq waits for the claim of the ring that such writers share */

static struct rk_percpu *ring_pool;

static int get_ring_pool(struct rk_percpu **out)
{
	static const struct rk_percpu_options options = {
		.item_size = sizeof(struct ring_slot) > sizeof(struct ring_state) ? sizeof(struct ring_slot) :
										    sizeof(struct ring_state),
		.alignment = 64};

	return rk_pool_get_fenced(&ring_pool, &options, out);
}

static size_t whole_pages(size_t size)
{
	size_t page = rk_page_size();

	return (size + page - 1) & ~(page - 1);
}

/*
 * Returns the offset of a log in its first page. It is half a page away from the page offset of the ring's slots. Processors
 * compare the page offsets of loads and stores first (4K aliasing). If a slot and a head had the same offset, a load of the
 * slot would have to wait for the preceding store of the head.
 */
static size_t beginning_of(const struct ring_state *state)
{
	return ((uintptr_t)state ^ 2048) & 0xf00;
}

/*
 * Makes the kernel wipe the page of struct ring_file in children. If the kernel can't (before Linux 4.14, or because of a
 * seccomp filter), stores the process's id in it. Returns false if the kernel has no memory for that.
 */
static bool make_file(void *page)
{
	struct ring_file *file = page;
	int saved = errno;
	bool made = madvise(page, whole_pages(sizeof(*file)), MADV_WIPEONFORK) == 0;

	if (!made && errno != ENOMEM && errno != EAGAIN) {
		file->process = getpid();
		made = true;
	}
	errno = saved;
	return made;
}

/* Maps a ring's memory and sets up its state. Returns 0 or -ENOMEM. */
static int lay_out_ring(struct ring_state *state, size_t size, unsigned flags)
{
	size_t indexes = (size_t)rk_cpus_get()->highest + 2, region = whole_pages(RK_LOG_DATA + size);
	size_t banks = indexes * (flags & RK_RING_OVERWRITE ? RING_LOGS : 1);
	size_t merged = whole_pages(indexes * sizeof(struct merged)), logs, largest;
	char *memory;

	if (__builtin_mul_overflow(banks, region, &logs) || logs > SIZE_MAX / 2)
		return -ENOMEM;
	memory = rk_map_lazily(logs + merged + whole_pages(sizeof(struct ring_file)));
	if (memory == NULL)
		return -ENOMEM;
	if (!make_file(memory + logs + merged)) {
		rk_unmap(memory, logs + merged + whole_pages(sizeof(struct ring_file)));
		return -ENOMEM;
	}
	*state = (struct ring_state){.shared = {.mask = (int64_t)size - 1, .unordered = (flags & RK_RING_UNORDERED) != 0},
				     .flags = flags, .region = region,
				     .memory = memory + beginning_of(state),
				     .mapped = logs + merged + whole_pages(sizeof(struct ring_file)),
				     .merged = (struct merged *)(void *)(memory + logs),
				     .file = (struct ring_file *)(void *)(memory + logs + merged),
				     .created = rk_ring_now()};
	largest = (flags & RK_RING_OVERWRITE ? size / RING_BLOCKS : size / 2) - 2 * sizeof(uint64_t);
	state->shared.largest = (uint32_t)(largest < RK_RING_RECORD_MAX ? largest : RK_RING_RECORD_MAX);
	return 0;
}

/* Fills in the defaults. Returns NULL, or a text that says which option is wrong. */
static const char *complete_ring(struct rk_ring_options *options)
{
	if (options->size == 0)
		options->size = SIZE;
	if (options->size < RK_RING_SIZE_MIN || options->size > RK_RING_SIZE_MAX || (options->size & (options->size - 1)) != 0)
		return "size is no power of two from RK_RING_SIZE_MIN to RK_RING_SIZE_MAX";
	return (options->flags & ~(RK_RING_OVERWRITE | RK_RING_UNORDERED)) != 0 ? "flags has a bit that isn't known" : NULL;
}

const char *rk_ring_options_fault(const struct rk_ring_options *given, size_t size)
{
	struct rk_ring_options options;
	int r = rk_question(&options, sizeof(options), given, size);

	return r < 0 ? rk_error_text(r) : complete_ring(&options);
}

int rk_ring_create(struct rk_ring **ring, const struct rk_ring_options *given, size_t size)
{
	struct rk_ring_options options;
	struct rk_percpu *from;
	void *item;
	int r;

	if (ring == NULL)
		return -EINVAL;
	*ring = NULL;
	r = rk_question(&options, sizeof(options), given, size);
	if (r < 0)
		return r;
	if (complete_ring(&options) != NULL)
		return -EINVAL;
	r = get_ring_pool(&from);
	if (r == 0)
		r = rk_percpu_alloc_for(from, &item, __builtin_return_address(0));
	if (r < 0)
		return r;
	r = lay_out_ring(ring_state_of((struct rk_ring *)item), options.size, options.flags);
	if (r < 0) {
		(void)rk_percpu_free_for(from, item, __builtin_return_address(0));
		return r;
	}
	*ring = (struct rk_ring *)item;
	return 0;
}

int rk_ring_destroy(struct rk_ring *ring)
{
	struct rk_percpu *from = __atomic_load_n(&ring_pool, __ATOMIC_ACQUIRE);
	struct place place;

	if (ring == NULL)
		return 0;
	if (!rk_pool_has(from, ring, &place))
		return -EINVAL;
	if (ring_state_of(ring)->memory != NULL)
		rk_unmap(ring_state_of(ring)->memory - beginning_of(ring_state_of(ring)), ring_state_of(ring)->mapped);
	ring_state_of(ring)->memory = NULL;
	return rk_percpu_free_for(from, ring, __builtin_return_address(0));
}

size_t rk_ring_largest(const struct rk_ring *ring)
{
	return ring_state_of(ring)->shared.largest;
}

void rk_ring_prepare(const struct ring_state *state, struct ring_log *log, int64_t position)
{
	int64_t never = 0;

	if (position != 0) { /* only the claim's holder runs this, once for each log */
		log->start = position;
		__atomic_store_n(&log->log.head, position, __ATOMIC_RELAXED);
	}
	(void)__atomic_compare_exchange_n(&log->log.limit, &never, position + unit_of(state), 0, __ATOMIC_RELEASE,
					  __ATOMIC_RELAXED);
}

/*
 * Returns the log that a CPU's slot names. Opens the slot if it was never opened. Returns NULL if the slot is closed, or the
 * CPU isn't possible.
 */
static struct ring_log *open_log(const struct rk_ring *ring, int cpu)
{
	struct ring_slot *slot;
	intptr_t word;

	if (cpu < 0 || cpu > rk_cpus_get()->highest)
		return NULL;
	slot = ring_slot_of(ring, cpu);
	word = __atomic_load_n(&slot->bank.bank, __ATOMIC_ACQUIRE);
	if (word == 0) {
		struct ring_log *first = log_of(ring_state_of(ring), cpu, 0);

		rk_ring_prepare(ring_state_of(ring), first, 0);
		(void)rk_bank_open_first(&slot->bank, first);
		word = __atomic_load_n(&slot->bank.bank, __ATOMIC_ACQUIRE);
	}
	return rk_bank_in(word);
}

/* Returns the position to which the limit can advance at most, if the head is in the unit that ends at `end`. */
static int64_t limit_up_to(const struct ring_state *state, const struct ring_log *log, int64_t end)
{
	int64_t free_up_to = __atomic_load_n(&log->tail, __ATOMIC_ACQUIRE) + ring_size_of(state);

	return overwrites(state) || end < free_up_to ? end : free_up_to;
}

/*
 * Does one step to make room for a record in a CPU's log: writes padding, or advances the limit. Returns RK_UNEQUAL if the
 * log is full, RK_CLOSED if the CPU has no open log, and RK_NO_RSEQ if the thread has no rseq. After any other outcome the
 * caller tries again.
 */
static enum rk_result make_room(struct rk_ring *ring, int cpu, int64_t size)
{
	const struct ring_state *state = ring_state_of(ring);
	struct ring_log *log = open_log(ring, cpu);
	int64_t head, limit, unit = unit_of(state), end, further;
	enum rk_result outcome;

	if (log == NULL)
		return RK_CLOSED;
	/* The head is loaded after the limit: an older head might make the ring look full. */
	limit = __atomic_load_n(&log->log.limit, __ATOMIC_ACQUIRE);
	head = __atomic_load_n(&log->log.head, __ATOMIC_ACQUIRE);
	if (head + size <= limit)
		return RK_DONE;
	end = head == limit && head % unit == 0 ? head : head - head % unit + unit;
	if (limit == end && head < end) {
		outcome = rk_at_bank_store_two_if_equal_release(ring, 0, head, place_in(state, log, head) - (char *)log,
								RKI_RING_PADDING | (end - head), end, cpu);
	} else {
		further = limit_up_to(state, log, limit == end ? end + unit : end);
		if (further <= limit)
			return RK_UNEQUAL;
		outcome = rk_at_bank_store_if_equal(ring, offsetof(struct rk_log, limit), limit, further, cpu);
	}
	return outcome == RK_UNEQUAL ? RK_ABORTED : outcome; /* another thread was faster */
}

static int drop_slot(struct rk_ring *ring, int index)
{
	__atomic_fetch_add(&ring_slot_of(ring, index)->dropped, 1, __ATOMIC_RELAXED);
	return -ENOBUFS;
}

/*
 * In an overwriting ring, the head moves to the next block before anything is written there. A child that is forked during the
 * write therefore doesn't read the block whose memory this is.
 */
char *rk_ring_room(const struct ring_state *state, struct ring_log *log, int64_t size, int64_t *head)
{
	int64_t at = log->log.head, unit = unit_of(state), rest = unit - at % unit, padding = rest < size ? rest : 0;

	if (!overwrites(state) &&
	    at + padding + size > __atomic_load_n(&log->tail, __ATOMIC_ACQUIRE) + ring_size_of(state))
		return NULL;
	if (padding > 0) {
		*(int64_t *)(void *)place_in(state, log, at) = RKI_RING_PADDING | padding;
		at += padding;
		if (overwrites(state))
			__atomic_store_n(&log->log.head, at, __ATOMIC_RELEASE);
	}
	*head = at + size;
	return place_in(state, log, at);
}

/*
 * Appends a record to the overflow ring, to which threads without rseq write. The caller holds this ring's claim. Returns false
 * if there is no room.
 */
static bool append_to_log(const struct ring_state *state, struct ring_log *log, const void *data, size_t length, int stamped)
{
	int64_t head;
	char *at;

	if (log->log.limit == 0)
		rk_ring_prepare(state, log, 0);
	at = rk_ring_room(state, log, (int64_t)RKI_RING_BYTES(length, stamped), &head);
	if (at == NULL)
		return false;
	*(int64_t *)(void *)at = (intptr_t)length | (stamped ? RKI_RING_STAMPED : 0);
	at += sizeof(int64_t);
	if (stamped) {
		*(uint64_t *)(void *)at = rk_ring_clock();
		at += sizeof(uint64_t);
	}
	if (length > 0)
		memcpy(at, data, length);
	__atomic_store_n(&log->log.head, head, __ATOMIC_RELEASE);
	return true;
}

static int write_overflow(struct rk_ring *ring, const void *data, size_t length, int stamped)
{
	struct ring_state *state = ring_state_of(ring);
	struct ring_slot *slot = ring_slot_of(ring, RK_INDEX_OVERFLOW);
	struct ring_log *log;
	uint64_t me;
	bool done;

	if (rk_claim_enter(&slot->writing, PATIENCE, &me) < 0)
		return drop_slot(ring, RK_INDEX_OVERFLOW);
	log = log_in_use(ring, RK_INDEX_OVERFLOW);
	done = append_to_log(state, log != NULL ? log : log_of(state, RK_INDEX_OVERFLOW, 0), data, length, stamped);
	rk_claim_leave(&slot->writing, me);
	return done ? 0 : drop_slot(ring, RK_INDEX_OVERFLOW);
}

/*
 * Tries to write to the log of the CPU on which the thread runs. `outcome` is the result of the first attempt. Returns
 * RK_UNEQUAL if the log of *cpu is full.
 */
static enum rk_result write_here(struct rk_ring *ring, const void *data, size_t length, int stamped, enum rk_result outcome,
				 int *cpu)
{
	for (int i = 0; i < RK_ABORTS_MAX && outcome != RK_NO_RSEQ; i++) {
		if (outcome != RK_ABORTED) { /* the log had no room, or wasn't opened yet */
			*cpu = rk_cpu();
			outcome = make_room(ring, *cpu, (int64_t)RKI_RING_BYTES(length, stamped));
			if (outcome == RK_UNEQUAL || outcome == RK_CLOSED || outcome == RK_NO_RSEQ)
				return outcome;
		}
		outcome = rki_ring_try(ring, data, length, stamped);
		if (outcome == RK_DONE)
			return RK_DONE;
	}
	return RK_NO_RSEQ;
}

int rki_ring_write_slow(struct rk_ring *ring, const void *data, size_t length, int stamped, enum rk_result outcome)
{
	uint32_t *waiting = &ring_state_of(ring)->shared.waiting;
	int cpu = 0, r;

	if (length > ring_state_of(ring)->shared.largest)
		return -EMSGSIZE;
	outcome = write_here(ring, data, length, stamped, outcome, &cpu);
	if (outcome == RK_UNEQUAL)
		return drop_slot(ring, cpu);
	r = outcome == RK_DONE ? 0 : write_overflow(ring, data, length, stamped);
	/*
	 * This atomic instruction is also a barrier. Writes without sections need one, because the waiter's fence doesn't order
	 * such writes.
	 */
	if (r == 0 && (__atomic_fetch_or(waiting, 0, __ATOMIC_SEQ_CST) & 1) != 0)
		rki_ring_wake(ring);
	return r;
}

uint64_t rk_ring_dropped(const struct rk_ring *ring, int index)
{
	uint64_t sum = 0;

	if (ring == NULL || (index != RK_INDEX_ALL && (index < RK_INDEX_OVERFLOW || index > rk_cpus_get()->highest)))
		return 0;
	if (index != RK_INDEX_ALL)
		return __atomic_load_n(&ring_slot_of(ring, index)->dropped, __ATOMIC_RELAXED);
	for (int i = RK_INDEX_OVERFLOW; i <= rk_cpus_get()->highest; i++)
		sum += __atomic_load_n(&ring_slot_of(ring, i)->dropped, __ATOMIC_RELAXED);
	return sum;
}
