/* SPDX-License-Identifier: MIT */
/*
 * ring.h - the inline functions of ../ring.h, the slow paths that they call, and the structures of a ring and a reader that
 * they use.
 */
#ifndef RSEQKIT_DETAIL_RING_H
#define RSEQKIT_DETAIL_RING_H

#include <rseqkit/bank.h>
#include <rseqkit/ring.h>

/* A reader of one CPU's records. The log is the memory with these records. */
struct rk_ring_reader {
	struct rk_ring *ring;
	struct rk_log *log;
	const struct rk_log *live; /* the same as `log`; NULL if the reader has a snapshot, or no log yet */
	int64_t position, head, released;
	int64_t mask;
	int64_t header, size, front; /* of the last record: its first word, its bytes in the log, the bytes before its data */
	int cpu;
	int state;
};

/* The part of a ring's reserve slot (percpu.h) that writers read. */
struct rk_ring_shared {
	uint32_t waiting; /* odd while a reader waits; also counts wake-ups and calls of rk_ring_notify() */
	uint32_t largest;
	uint32_t unordered; /* 1: writers read the clock without a barrier */
	int64_t mask; /* position & mask is a place in a log. As a member of struct rk_log, the mask would delay a section's stores */
};

/*
 * The first word of a record has the record's length and these bits. The bytes that fill the end of a log, which are called
 * padding, have such a word, too. Its length is that of the whole padding, this word included.
 */
#define RKI_RING_STAMPED ((int64_t)1 << 30)
#define RKI_RING_PADDING ((int64_t)1 << 29)
#define RKI_RING_LENGTH(header) ((size_t)(header) & 0x1fffffff)

/* The number of bytes that a record takes in the log. */
#define RKI_RING_BYTES(length, stamped) (((length) + ((stamped) ? 23 : 15)) & ~(size_t)7)

/*
 * The tail is the position up to which the reader has released records. This is the tail's offset in bytes from the beginning of
 * a CPU's log. The tail is after struct rk_log, in a cache line that processors don't fetch together with struct rk_log.
 */
#define RKI_RING_TAIL 128

#define RKI_RING_KIND RKI_BY_CPU /* the kind of index (arch/arch.h) */

RKI_BEGIN_DECLS

/*
 * The slow paths of the functions below. Each may be called in the same contexts as the function that calls it. They are
 * called in these cases:
 *
 *   rki_ring_write_slow()  the attempt to write a record failed; `outcome` says why
 *   rki_ring_wake()        a reader waits
 *   rki_ring_look()        the reader knows of no more records; returns what the reader becomes
 *
 * rki_ring_open() and rki_ring_close() do the work of the functions of these names.
 *
 * Slow paths get a copy of the reader, never the address of the caller's reader. The caller's reader can therefore be in
 * registers, if it is a local variable whose address the program doesn't pass to a function.
 */
RKI_API int rki_ring_write_slow(struct rk_ring *ring, const void *data, size_t length, int stamped, enum rk_result outcome);
RKI_API void rki_ring_wake(struct rk_ring *ring);
RKI_API struct rk_ring_reader rki_ring_look(struct rk_ring_reader reader);
RKI_API int rki_ring_open(struct rk_ring *ring, int cpu, struct rk_ring_reader *reader, size_t size);
RKI_API int rki_ring_close(struct rk_ring_reader *reader);

/*
 * Try once to append a record of `size` bytes in the log, without a time stamp and with one. If `order` is the constant
 * RKI_ANY_ORDER, the clock is read without a barrier. The assembler compares the operand's text with this number. In code that
 * isn't optimised the operand is no constant, so there is a barrier.
 */
#define RKI_ANY_ORDER 101 /* no register has this number by chance, see rki_copied() */
#define RKI_RING_APPEND(name, parameters, stamp, operands)                                                             \
	static inline __attribute__((__unused__, __always_inline__)) enum rk_result name(                              \
		const void *base, intptr_t header, const void *source, size_t length, intptr_t size, parameters)       \
	{                                                                                                              \
		if (RKI_NO_AREA)                                                                                       \
			return RKI_LEAVE_BY(RKI_RING_KIND);                                                            \
		RKI_SECTION_APPEND(RK_ASM_EXIT(leave) RK_ASM_EXIT(closed) RK_ASM_EXIT(unequal),                        \
				   RKI_ASM_ENTER_BY(RKI_RING_KIND, RK_ASM_C, where, closed),                           \
				   RK_LIST(RKI_IN_INDEX(RKI_RING_KIND, base), operands), RK_ASM_COMMIT_HEAD_RELEASE, stamp, \
				   leave, closed, unequal);                                                            \
		return RK_DONE;                                                                                        \
	aborted:                                                                                                       \
		return RK_ABORTED;                                                                                     \
	closed:                                                                                                        \
		return RK_CLOSED;                                                                                      \
	unequal:                                                                                                       \
		return RK_UNEQUAL;                                                                                     \
	leave:                                                                                                         \
		return RKI_LEAVE_BY(RKI_RING_KIND);                                                                    \
	}

RKI_RING_APPEND(rki_ring_append, intptr_t mask, , RK_IN_WORD_AS(where, (intptr_t)0))
RKI_RING_APPEND(rki_ring_append_stamped, RK_LIST(intptr_t mask, intptr_t order),
		RK_ASM_PUT_STAMP(RKI_ASM_IN_ORDER_UNLESS_ANY(order)),
		RK_LIST(RK_IN_WORD_AS(where, (intptr_t)0), RK_IN_COUNT(order, order)))

#undef RKI_RING_APPEND

/* Tries once to write a record. The caller has checked the length. */
static inline __attribute__((__unused__, __always_inline__)) enum rk_result rki_ring_try(struct rk_ring *ring, const void *data,
										       size_t length, int stamped)
{
	const struct rk_ring_shared *shared = (const struct rk_ring_shared *)rk_percpu_slot(ring, RK_INDEX_RESERVE);
	intptr_t size = (intptr_t)RKI_RING_BYTES(length, stamped), mask = (intptr_t)shared->mask;
	intptr_t header = (intptr_t)length | (stamped ? RKI_RING_STAMPED : 0);

	if (!stamped)
		return rki_ring_append(ring, header, data, length, size, mask);
	if (shared->unordered)
		return rki_ring_append_stamped(ring, header, data, length, size, mask, RKI_ANY_ORDER);
	return rki_ring_append_stamped(ring, header, data, length, size, mask, 0);
}

/*
 * Writes a record by the slow path. For the slow path, a short record is copied to a local variable, so the fast path needn't
 * have the record in memory.
 */
static inline __attribute__((__unused__, __always_inline__)) int rki_ring_write_copy(struct rk_ring *ring, const void *data,
										   size_t length, int stamped,
										   enum rk_result outcome)
{
	uint64_t words[2];

	if (!RKI_IS_SHORT(length) || length == 0)
		return rki_ring_write_slow(ring, data, length, stamped, outcome);
	__builtin_memcpy(words, data, length);
	return rki_ring_write_slow(ring, words, length, stamped, outcome);
}

static inline __attribute__((__unused__, __always_inline__)) int rki_ring_write_any(struct rk_ring *ring, const void *data,
										  size_t length, int stamped)
{
	const struct rk_ring_shared *shared = (const struct rk_ring_shared *)rk_percpu_slot(ring, RK_INDEX_RESERVE);
	enum rk_result outcome = RK_UNEQUAL;

	if (RKI_LIKELY(length <= RK_RING_RECORD_ALWAYS || length <= shared->largest))
		outcome = rki_ring_try(ring, data, length, stamped);
	if (RKI_UNLIKELY(outcome != RK_DONE))
		return rki_ring_write_copy(ring, data, length, stamped, outcome);
	if (RKI_UNLIKELY((__atomic_load_n(&shared->waiting, __ATOMIC_RELAXED) & 1) != 0))
		rki_ring_wake(ring);
	return 0;
}

RKI_INLINE int rk_ring_write(struct rk_ring *ring, const void *data, size_t length)
{
	return rki_ring_write_any(ring, data, length, 0);
}

RKI_INLINE int rk_ring_write_stamped(struct rk_ring *ring, const void *data, size_t length)
{
	return rki_ring_write_any(ring, data, length, 1);
}

RKI_INLINE_ALWAYS int rk_ring_open(struct rk_ring *ring, int cpu, struct rk_ring_reader *reader, size_t size)
{
	struct rk_ring_reader opened;
	int r;

	__builtin_memset(&opened, 0, sizeof(opened)); /* gcc can't know that the next call fills it, and would warn */
	r = rki_ring_open(ring, cpu, reader == RKI_NULL ? RKI_NULL : &opened, size < sizeof(opened) ? size : sizeof(opened));
	if (r >= 0) {
		*reader = opened;
		if (size > sizeof(opened))
			__builtin_memset(reader + 1, 0, size - sizeof(opened)); /* members that a later release adds */
	}
	return r;
}

RKI_INLINE_ALWAYS int rk_ring_close(struct rk_ring_reader *reader)
{
	struct rk_ring_reader closed;
	int r;

	if (reader == RKI_NULL)
		return rki_ring_close(RKI_NULL);
	closed = *reader;
	r = rki_ring_close(&closed);
	*reader = closed;
	return r;
}

RKI_INLINE_ALWAYS void rk_ring_release(struct rk_ring_reader *reader)
{
	reader->released = reader->position;
	if (reader->log != RKI_NULL)
		__atomic_store_n((int64_t *)(void *)((char *)reader->log + RKI_RING_TAIL), reader->position, __ATOMIC_RELEASE);
}

/*
 * Stores in the reader the layout of a record whose first word, `header`, differs from the last record's. Returns 1. If the
 * word begins padding, skips the padding and returns 0.
 */
static inline __attribute__((__unused__, __always_inline__)) int rki_ring_learn(struct rk_ring_reader *reader, int64_t header)
{
	int is_stamped = (header & RKI_RING_STAMPED) != 0;

	if (RKI_UNLIKELY((header & RKI_RING_PADDING) != 0)) {
		int64_t padded = reader->position;

		reader->position += (int64_t)RKI_RING_LENGTH(header);
		if (reader->released == padded)
			rk_ring_release(reader); /* the caller never sees the padding */
		return 0;
	}
	reader->header = header;
	reader->size = (int64_t)RKI_RING_BYTES(RKI_RING_LENGTH(header), is_stamped);
	reader->front = is_stamped ? 16 : 8;
	return 1;
}

RKI_INLINE_ALWAYS int rk_ring_next(struct rk_ring_reader *reader, struct rk_ring_record *record)
{
	for (;;) {
		const char *at;
		int64_t header;

		if (reader->position == reader->head) {
			if (reader->live != RKI_NULL)
				reader->head = __atomic_load_n(&reader->live->head, __ATOMIC_ACQUIRE);
			else
				*reader = rki_ring_look(*reader);
			if (reader->position == reader->head)
				return 0;
		}
		at = (const char *)reader->log + RK_LOG_DATA + (reader->position & reader->mask);
		header = *(const int64_t *)(const void *)at;
		/*
		 * Consecutive records often have the same header, so this is a branch, which the processor predicts. The
		 * processor then finds the next record's place before it has loaded this header. The empty asm statement keeps
		 * compilers from replacing the branch by a computation.
		 */
		if (RKI_LIKELY(header == reader->header))
			__asm__ __volatile__("");
		else if (!rki_ring_learn(reader, header))
			continue;
		reader->position += reader->size;
		record->data = at + reader->front;
		record->length = RKI_RING_LENGTH(header);
		record->time = (header & RKI_RING_STAMPED) != 0 ? *(const uint64_t *)(const void *)(at + sizeof(int64_t)) : 0;
		record->cpu = reader->cpu;
		return 1;
	}
}

RKI_END_DECLS

#endif /* RSEQKIT_DETAIL_RING_H */
