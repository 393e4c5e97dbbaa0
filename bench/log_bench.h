/* SPDX-License-Identifier: MIT */
/*
 * log_bench.h - the bench `log`: records, the memory of its contenders (the ways to do the job, bench.h), and the operation of
 * each.
 *
 * An operation appends a record to a ring and counts the record. If each CPU has a ring, the store of the count is the commit,
 * because a reader relies on the count. The caller keeps the count that it expects, as a logger does. The caller reads the count
 * again if the expected count was wrong: at the first operation, after another thread has appended a record, or after a
 * migration. Invariants: the counts add up to the number of operations (bench_sum_log_*()). Every record below a count is whole
 * (bench_settle_log_*()).
 */
#ifndef RK_BENCH_LOG_H
#define RK_BENCH_LOG_H

#include <rseqkit/ops_cpu.h>
#include <string.h>

#include "bench.h"
#include "classic.h"

#define BENCH_RECORDS 64 /* the number of records in a ring */

struct bench_record {
	uint64_t words[5];
};

/* A place in the ring, for one record. It begins a cache line. */
struct bench_place {
	struct bench_record record;
} __attribute__((__aligned__(64)));

struct bench_log {
	intptr_t count; /* the number of all records so far; the ring has the last BENCH_RECORDS of them */
	struct bench_place ring[BENCH_RECORDS];
};

/* The record that is appended. The compiler of the loops doesn't know its value. */
extern const struct bench_record bench_record;

/*
 * The contenders' logs: two rk_percpu items with a struct bench_log for each CPU; one log for all threads; one log for each
 * thread.
 */
extern void *bench_log_rseqkit, *bench_log_classic;
extern struct bench_log bench_log_shared;
extern __thread struct bench_log bench_log_thread_local;

uint64_t bench_sum_log_rseqkit(void);
uint64_t bench_sum_log_classic(void);
uint64_t bench_sum_log_shared(void);
bool bench_settle_log_rseqkit(void);
bool bench_settle_log_classic(void);
bool bench_settle_log_shared(void);

/* Creates the logs, all empty. Returns 0 or a negative errno. */
int bench_log_create(void);

/* Returns the offset in the log, in bytes, of the record that follows the first `count` records. */
BENCH_INLINE ptrdiff_t log_offset(intptr_t count)
{
	size_t place = (size_t)count % BENCH_RECORDS;

	return (ptrdiff_t)(offsetof(struct bench_log, ring) + place * sizeof(struct bench_place));
}

/*
 * Defines the operation of a contender with a log for each CPU, from an operation that copies. The inlined code tries the copy
 * once. If the copy was aborted, or the expected count was wrong, an out-of-line function repeats the copy at most RK_ABORTS_MAX
 * times. The function that is defined returns 0 if the record was appended.
 */
#define LOG_PER_CPU(name, try_copy)                                                                                    \
	BENCH_INLINE enum rk_result name##_once(void *logs, intptr_t count, const struct bench_record *record)         \
	{                                                                                                              \
		return try_copy(logs, count, log_offset(count), record, sizeof(*record), count + 1);                   \
	}                                                                                                              \
                                                                                                                       \
	static __attribute__((__noinline__)) intptr_t name##_again(void *logs, intptr_t count,                         \
									     const struct bench_record *record,        \
									     enum rk_result outcome)                   \
	{                                                                                                              \
		for (int i = 0; i < RK_ABORTS_MAX && outcome != RK_DONE; i++) {                                        \
			if (outcome == RK_UNEQUAL)                                                                     \
				(void)rk_cpu_load(logs, &count);                                                       \
			outcome = name##_once(logs, count, record);                                                    \
		}                                                                                                      \
		return outcome == RK_DONE ? count : -1;                                                                \
	}                                                                                                              \
                                                                                                                       \
	BENCH_INLINE int name(void *logs, intptr_t *count, const struct bench_record *record)                          \
	{                                                                                                              \
		enum rk_result outcome = name##_once(logs, *count, record);                                            \
                                                                                                                       \
		if (RKI_UNLIKELY(outcome != RK_DONE)) {                                                                \
			*count = name##_again(logs, *count, record, outcome);                                          \
			if (*count < 0)                                                                                \
				return 1;                                                                              \
		}                                                                                                      \
		++*count;                                                                                              \
		return 0;                                                                                              \
	}

LOG_PER_CPU(log_rseqkit, rk_cpu_copy_if_equal_release)

#if BENCH_HAVE_CLASSIC
LOG_PER_CPU(log_classic, classic_try_copy)
#endif

/* A thread adds to the count, and then owns one place for a record. A reader can't know when the record there is whole. */
BENCH_INLINE void log_shared(struct bench_log *log, const struct bench_record *record)
{
	intptr_t count = __atomic_fetch_add(&log->count, 1, __ATOMIC_RELAXED);

	memcpy((char *)log + log_offset(count), record, sizeof(*record));
}

BENCH_INLINE void log_thread_local(struct bench_log *log, const struct bench_record *record)
{
	memcpy((char *)log + log_offset(log->count), record, sizeof(*record));
	__asm__ __volatile__("" : : : "memory");
	log->count++;
	__asm__ __volatile__("" : : : "memory");
}

#endif /* RK_BENCH_LOG_H */
