/* SPDX-License-Identifier: MIT */
/*
 * log_bench.h - the bench `log`: records, the memory of its contenders, and what each of them does.
 *
 * An operation appends a record to a ring and counts it. Where there is a ring per CPU the count is the commit: a
 * reader goes by it. The caller keeps the count it expects, as a logger does, and reads it again when it was wrong: the
 * first time, and when another thread has appended, or after a migration. The invariant: the counts add up to the
 * operations (bench_sum_log_*()), and every record below a count is whole (bench_settle_log_*()).
 */
#ifndef RK_BENCH_LOG_H
#define RK_BENCH_LOG_H

#include <string.h>

#include "bench.h"
#include "classic.h"

#define BENCH_RECORDS 64 /* of a ring */

struct bench_record {
	uint64_t words[5];
};

/* Begins a line. */
struct bench_place {
	struct bench_record record;
} __attribute__((__aligned__(64)));

struct bench_log {
	intptr_t count; /* of all records so far; the latest BENCH_RECORDS are there */
	struct bench_place ring[BENCH_RECORDS];
};

/* What is appended; not visible as a constant where the loops are compiled. */
extern const struct bench_record bench_record;

/* An item of rk_percpu each, with a struct bench_log per CPU; one for all threads; and one per thread. */
extern void *bench_log_rseqkit, *bench_log_classic;
extern struct bench_log bench_log_shared;
extern __thread struct bench_log bench_log_thread_local;

uint64_t bench_sum_log_rseqkit(void);
uint64_t bench_sum_log_classic(void);
uint64_t bench_sum_log_shared(void);
bool bench_settle_log_rseqkit(void);
bool bench_settle_log_classic(void);
bool bench_settle_log_shared(void);

/* Makes the logs, all empty. Returns 0 or a negative errno. */
int bench_log_create(void);

/* Where the record that follows `count` others begins, in bytes from the log's beginning. */
BENCH_INLINE ptrdiff_t log_offset(intptr_t count)
{
	size_t place = (size_t)count % BENCH_RECORDS;

	return (ptrdiff_t)(offsetof(struct bench_log, ring) + place * sizeof(struct bench_place));
}

/*
 * Logs per CPU by an operation that copies. It is tried once in line; out of line it is repeated when aborted, or when
 * the count was another, RK_ABORTS_MAX times at most. Returns 0 if it was done.
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

/* Whoever adds to the count owns the record: nobody can tell when it is whole. */
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
