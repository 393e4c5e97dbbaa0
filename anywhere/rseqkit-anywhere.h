/* SPDX-License-Identifier: MIT */
/*
 * rseqkit-anywhere.h - rseqkit's counters, groups, histograms, peaks, levels and rates for any system with C11 atomics.
 *
 * The functions have the names, the parameters and the results of rseqkit/counter.h, histogram.h, peak.h and rate.h. The comments
 * of those headers describe them. This header says only what differs. doc/anywhere.md lists all differences.
 *
 * An object has RK_ANYWHERE_SHARDS shards in place of a slot for each CPU. Each shard has cache lines of its own. A thread keeps
 * the number of one shard, and adds to this shard by an atomic instruction. The code needs the C standard's headers and nothing
 * of the system. It uses no restartable sequences.
 *
 * Signal handlers: a handler may add, record, and read sums and peaks if 64-bit atomics are lock-free, and if the thread has
 * called such a function before. A handler must not create or destroy, and must not read or reset a group or histogram.
 *
 * fork: the child has its own copy of all objects. If another thread was reading a group at the fork, then all the child's reads
 * of this group return -EBUSY.
 */
#ifndef RSEQKIT_ANYWHERE_H
#define RSEQKIT_ANYWHERE_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__cplusplus) && __cplusplus < 201103L
#error "rseqkit needs C++11 or later"
#endif

/* The version of the sources. */
#define RK_VERSION_MAJOR 0
#define RK_VERSION_MINOR 1
#define RK_VERSION_PATCH 0

/* Error numbers that some systems don't have. No system uses these values. */
#ifndef ENODATA
#define ENODATA 32061
#endif
#ifndef EHOSTUNREACH
#define EHOSTUNREACH 32113
#endif
#ifndef EUCLEAN
#define EUCLEAN 32117
#endif

/* As in the library: functions of a copy that a library keeps to itself. */
#if defined(RK_HIDDEN) && defined(__GNUC__) && !defined(_WIN32)
#define RKI_API extern __attribute__((__visibility__("hidden")))
#else
#define RKI_API extern
#endif

/* The library changes these members by atomic instructions. C++ programs see them as plain members of the same layout. */
#ifdef __cplusplus
#define RKI_ATOMIC(type) type
#define RKI_ALIGNED alignas(8)
#define RKI_NULL nullptr
#define RKI_BEGIN_DECLS extern "C" {
#define RKI_END_DECLS }
#else
#define RKI_ATOMIC(type) _Atomic(type)
#define RKI_ALIGNED _Alignas(8)
#define RKI_NULL NULL
#define RKI_BEGIN_DECLS
#define RKI_END_DECLS
#endif

RKI_BEGIN_DECLS

RKI_API const char *rk_version(void);
RKI_API const char *rk_error_text(int error);

/*
 * Counters (counter.h). Memory: 128 bytes for each shard, and 128 bytes more. rk_counter_create() never returns -EUCLEAN.
 * rk_counter_query() is missing, because there is no per-CPU memory.
 */
struct rk_counter;

RKI_API int rk_counter_create(struct rk_counter **counter);
RKI_API int rk_counter_destroy(struct rk_counter *counter);
RKI_API void rk_counter_add(struct rk_counter *counter, int64_t value);
RKI_API int64_t rk_counter_sum(const struct rk_counter *counter);
RKI_API int64_t rk_counter_reset(struct rk_counter *counter);

struct rk_counter_static {
	RKI_ATOMIC(struct rk_counter *) counter;
	RKI_ALIGNED RKI_ATOMIC(int64_t) early;
};

#define RK_COUNTER_STATIC {RKI_NULL, 0}

RKI_API struct rk_counter *rk_counter_static_get(struct rk_counter_static *of);
RKI_API int64_t rk_counter_static_sum(const struct rk_counter_static *of);
RKI_API int rk_counter_static_destroy(struct rk_counter_static *of);
RKI_API void rk_counter_static_add(struct rk_counter_static *of, int64_t value);

/*
 * Groups (counter.h). A read that returns 0 is a consistent cut. The result -EHOSTUNREACH doesn't occur, because a read needs no
 * fence. Without a clock, the time limit before -EBUSY is a number of attempts, some tenths of a second. Memory: in each shard 16
 * bytes for each counter, in whole cache lines.
 */
struct rk_counter_group;

#define RK_COUNTER_GROUP_MAX ((size_t)16380)

RKI_API int rk_counter_group_create(struct rk_counter_group **group, const char *const *names, size_t count);
RKI_API int rk_counter_group_destroy(struct rk_counter_group *group);
RKI_API size_t rk_counter_group_count(const struct rk_counter_group *group);
RKI_API const char *rk_counter_group_name(const struct rk_counter_group *group, size_t which);
RKI_API void rk_counter_group_add(struct rk_counter_group *group, size_t which, int64_t value);
RKI_API int rk_counter_group_read(struct rk_counter_group *group, int64_t *values, size_t count);
RKI_API int rk_counter_group_reset(struct rk_counter_group *group, int64_t *values, size_t count);
RKI_API int rk_counter_group_read_relaxed(const struct rk_counter_group *group, int64_t *values, size_t count);

struct rk_counter_group_static {
	RKI_ATOMIC(struct rk_counter_group *) group;
	const char *const *names;
	RKI_ATOMIC(int64_t) *early;
	size_t count;
};

#define RK_COUNTER_GROUP_STATIC(name, ...)                                                                             \
	static const char *const name##_names[] = {__VA_ARGS__};                                                       \
	RKI_ALIGNED static RKI_ATOMIC(int64_t) name##_early[sizeof(name##_names) / sizeof(name##_names[0])];           \
	static struct rk_counter_group_static name = {RKI_NULL, name##_names, name##_early,                            \
						      sizeof(name##_names) / sizeof(name##_names[0])}

RKI_API struct rk_counter_group *rk_counter_group_static_get(struct rk_counter_group_static *of);
RKI_API int rk_counter_group_static_destroy(struct rk_counter_group_static *of);
RKI_API void rk_counter_group_static_add(struct rk_counter_group_static *of, size_t which, int64_t value);

/* Histograms (histogram.h), with the same buckets. A histogram is a group. */
struct rk_histogram;

#define RK_HISTOGRAM_BUCKETS_MAX (RK_COUNTER_GROUP_MAX - 1)

struct rk_histogram_snapshot {
	uint64_t *counts; /* for each bucket, the number of values in the bucket */
	size_t buckets;   /* number of buckets */
	uint64_t above;   /* number of values above the last bucket */
	uint64_t count;   /* number of all values: the sum of counts[], plus `above` */
	int bits;         /* significant bits of a value */
};

RKI_API int rk_histogram_create(struct rk_histogram **histogram, int bits, uint64_t highest);
RKI_API const char *rk_histogram_fault(int bits, uint64_t highest);
RKI_API int rk_histogram_destroy(struct rk_histogram *histogram);
RKI_API size_t rk_histogram_buckets(const struct rk_histogram *histogram);
RKI_API void rk_histogram_record_many(struct rk_histogram *histogram, uint64_t value, uint64_t times);
RKI_API void rk_histogram_record(struct rk_histogram *histogram, uint64_t value);
RKI_API int rk_histogram_snapshot_create(struct rk_histogram_snapshot **snapshot, const struct rk_histogram *histogram);
RKI_API int rk_histogram_snapshot_destroy(struct rk_histogram_snapshot *snapshot);
RKI_API int rk_histogram_read(struct rk_histogram *histogram, struct rk_histogram_snapshot *snapshot);
RKI_API int rk_histogram_reset(struct rk_histogram *histogram, struct rk_histogram_snapshot *snapshot);
RKI_API int rk_histogram_read_relaxed(const struct rk_histogram *histogram, struct rk_histogram_snapshot *snapshot);
RKI_API uint64_t rk_histogram_bucket_lowest(const struct rk_histogram_snapshot *snapshot, size_t bucket);
RKI_API uint64_t rk_histogram_bucket_highest(const struct rk_histogram_snapshot *snapshot, size_t bucket);
RKI_API uint64_t rk_histogram_min(const struct rk_histogram_snapshot *snapshot);
RKI_API uint64_t rk_histogram_max(const struct rk_histogram_snapshot *snapshot);
RKI_API double rk_histogram_mean(const struct rk_histogram_snapshot *snapshot);
RKI_API uint64_t rk_histogram_percentile(const struct rk_histogram_snapshot *snapshot, double percent);
RKI_API int rk_histogram_merge(struct rk_histogram_snapshot *into, const struct rk_histogram_snapshot *from);

/* Peaks (peak.h). Each shard has a maximum and a minimum. */
struct rk_peak;

RKI_API int rk_peak_create(struct rk_peak **peak);
RKI_API int rk_peak_destroy(struct rk_peak *peak);
RKI_API void rk_peak_record_max(struct rk_peak *peak, int64_t value);
RKI_API void rk_peak_record_min(struct rk_peak *peak, int64_t value);
RKI_API int rk_peak_max(const struct rk_peak *peak, int64_t *value);
RKI_API int rk_peak_min(const struct rk_peak *peak, int64_t *value);
RKI_API int rk_peak_max_reset(struct rk_peak *peak, int64_t *value);
RKI_API int rk_peak_min_reset(struct rk_peak *peak, int64_t *value);

struct rk_peak_static {
	RKI_ATOMIC(struct rk_peak *) peak;
	RKI_ALIGNED RKI_ATOMIC(uint64_t) early[2];
};

#define RK_PEAK_STATIC {RKI_NULL, {0, 0}}

RKI_API struct rk_peak *rk_peak_static_get(struct rk_peak_static *of);
RKI_API int rk_peak_static_destroy(struct rk_peak_static *of);
RKI_API void rk_peak_static_record_max(struct rk_peak_static *of, int64_t value);
RKI_API void rk_peak_static_record_min(struct rk_peak_static *of, int64_t value);

/* Levels (peak.h). Each shard has a part of `error`, as each CPU has in the library. */
struct rk_level;

RKI_API int rk_level_create(struct rk_level **level, uint64_t error);
RKI_API int rk_level_destroy(struct rk_level *level);
RKI_API void rk_level_add(struct rk_level *level, int64_t change);
RKI_API int64_t rk_level_get(const struct rk_level *level);
RKI_API int64_t rk_level_peak(struct rk_level *level);
RKI_API int64_t rk_level_peak_reset(struct rk_level *level);

/* Rates (rate.h). They are the same as in the library. */
#define RK_RATE_SECOND INT64_C(1000000000)

struct rk_rate_reading {
	int64_t time, sum;
};

struct rk_rate {
	uint64_t fine_count, coarse_count;
	struct rk_rate_reading last, fine[16], coarse[64];
};

RKI_API void rk_rate_note(struct rk_rate *rate, int64_t now, int64_t sum);
RKI_API int64_t rk_rate_events(const struct rk_rate *rate, int64_t window, int64_t *covered);

RKI_END_DECLS

#endif /* RSEQKIT_ANYWHERE_H */
