/* SPDX-License-Identifier: MIT */
/*
 * contenders.h - the list of all contenders, with the bench and the loop of each. The contenders of a bench do the same job in
 * different ways.
 *
 * CONTENDERS(X) is a list of
 *
 *   X(bench, contender, condition, name of the loop, sum, settle, setup, body)
 *
 * struct bench_loop (bench.h) explains most of these words. `setup` comes before the loop, `body` is in the loop. rseqkit bench
 * compares all contenders of a bench with the first contender. Contenders that use another contender's loop, or measure the time
 * themselves, are in the table of loops.h.
 */
#ifndef RK_BENCH_CONTENDERS_H
#define RK_BENCH_CONTENDERS_H

#include "bench.h"
#include "cache_bench.h"
#include "classic.h"
#include "context_bench.h"
#include "first_bench.h"
#include "floor.h"
#include "freelist_bench.h"
#include "histogram_bench.h"
#include "lock_bench.h"
#include "log_bench.h"
#include "peak_bench.h"
#include "rcu_bench.h"
#include "ref_bench.h"
#include "remote_bench.h"
#include "ring_bench.h"
#include "slab_bench.h"
#include "slice_bench.h"
#include "stamped_bench.h"
#include "start_bench.h"

/* Uses a value, so that the compiler computes it. */
#define USE(value) __asm__ __volatile__("" : : "r"(value))

/* One `lock xadd`. Compilers choose that instruction if the old value is used. */
#define ATOMIC_ADD(word) USE(__atomic_fetch_add((uint64_t *)(word), 1, __ATOMIC_RELAXED))

#if BENCH_HAVE_CLASSIC
#define IF_CLASSIC(...) __VA_ARGS__
#else
#define IF_CLASSIC(...)
#endif
#if BENCH_HAVE_FLOOR
#define IF_FLOOR(...) __VA_ARGS__
#else
#define IF_FLOOR(...)
#endif

/* Contenders whose library was absent at build time are listed, and never run. */
#if BENCH_HAVE_CK
#define IF_CK(...) __VA_ARGS__
#define RING_CK_OF(name) struct ring_ck *ring = &(name);
#define RWLOCK_CK_OF RCU_TALLY; ck_rwlock_t *lock = &bench_rwlock_ck.lock;
#else
#define IF_CK(...) failed = 1;
#define RING_CK_OF(name)
#define RWLOCK_CK_OF
#endif
#if BENCH_HAVE_URCU
#define IF_URCU(...) __VA_ARGS__
#define RING_NODES_OF RING_NODES;
#else
#define IF_URCU(...) failed = 1;
#define RING_NODES_OF
#endif

#if BENCH_HAVE_URCU_FLAVOURS
#define IF_FLAVOURS(...) __VA_ARGS__
#define RCU_ENTER(flavour) bench_rcu_enter_##flavour(); RCU_TALLY_OF(rcu_count_##flavour);
#else
#define IF_FLAVOURS(...) failed = 1;
#define RCU_ENTER(flavour)
#endif

/* clang-format off */
#define CONTENDERS(X)                                                                                                  \
	COUNTERS(X) HISTOGRAMS(X) PEAKS(X) LISTS(X) LOGS(X) RINGS(X) CACHES(X) READERS(X) LOCKS(X) REFERENCES(X)       \
	CPUS(X) SLICES(X) REGISTRATIONS(X) SLABS(X) CONTEXTS(X) STAMPED(X)

#define COUNTERS(X)                                                                                                    \
	X("counter", "rseqkit", BENCH_ANY, counter_rseqkit, bench_sum_counter, NULL,                                   \
	  struct rk_counter *counter = bench_counter;,                                                                 \
	  rk_counter_add(counter, 1);)                                                                                 \
	IF_CLASSIC(X("counter", "classic", BENCH_RSEQ, counter_classic, bench_sum_classic, NULL,                       \
	  void *slots = bench_slots_classic;,                                                                          \
	  classic_add(slots, 1);))                                                                                     \
	IF_FLOOR(X("counter", "floor", BENCH_RSEQ, counter_floor, NULL, NULL,                                          \
	  void *slots = bench_slots_floor;,                                                                            \
	  floor_add(slots, 1);))                                                                                       \
	X("counter", "percpu-atomic", BENCH_ANY, counter_percpu, bench_sum_percpu, NULL,                               \
	  void *slots = bench_slots_percpu;,                                                                           \
	  ATOMIC_ADD(rk_percpu_slot(slots, rk_cpu()));)                                                                \
	X("counter", "getcpu-atomic", BENCH_ANY, counter_getcpu, bench_sum_getcpu, NULL,                               \
	  void *slots = bench_slots_getcpu;,                                                                           \
	  ATOMIC_ADD(rk_percpu_slot(slots, sched_getcpu()));)                                                          \
	X("counter", "shared-atomic", BENCH_ANY, counter_shared, bench_sum_shared, NULL,                               \
	  uint64_t *shared = bench_shared;,                                                                            \
	  ATOMIC_ADD(shared);)                                                                                         \
	X("counter", "thread-local", BENCH_ANY, counter_thread_local, NULL, NULL,                                      \
	  uint64_t *word = &bench_thread_local;,                                                                       \
	  ++*word; __asm__ __volatile__("" : "+m"(*word));)                                                            \
	X("counter-variable", "rseqkit", BENCH_ANY, variable_rseqkit, bench_sum_counter, NULL,                         \
	  struct rk_counter *counter = bench_counter; int64_t one = bench_one;,                                        \
	  rk_counter_add(counter, one);)                                                                               \
	IF_CLASSIC(X("counter-variable", "classic", BENCH_RSEQ, variable_classic, bench_sum_classic, NULL,             \
	  void *slots = bench_slots_classic; int64_t one = bench_one;,                                                 \
	  classic_add(slots, one);))                                                                                   \
	IF_FLOOR(X("counter-variable", "floor", BENCH_RSEQ, variable_floor, NULL, NULL,                                \
	  void *slots = bench_slots_floor; int64_t one = bench_one;,                                                   \
	  floor_add(slots, one);))

#define HISTOGRAMS(X)                                                                                                  \
	X("counter", "group", BENCH_ANY, counter_group, bench_sum_group, NULL,                                         \
	  struct rk_counter_group *group = bench_group;,                                                               \
	  rk_counter_group_add(group, 3, 1);)                                                                          \
	X("counter", "group-two", BENCH_ANY, counter_group_two, bench_sum_group, NULL,                                 \
	  struct rk_counter_group *group = bench_group;,                                                               \
	  rk_counter_group_add(group, 3, 1); rk_counter_group_add(group, 5, 1);)                                       \
	X("histogram", "rseqkit", BENCH_ANY, histogram_rseqkit, bench_sum_histogram, NULL,                             \
	  struct rk_histogram *histogram = bench_histogram;,                                                           \
	  rk_histogram_record(histogram, n);)                                                                          \
	X("histogram", "mutex", BENCH_ANY, histogram_mutex, bench_sum_histogram_mutex, NULL,                           \
	  struct bench_histogram *histogram = &bench_histogram_mutex;,                                                 \
	  histogram_mutex(histogram, n);)                                                                              \
	X("histogram", "thread-local", BENCH_ANY, histogram_thread_local, NULL, NULL,                                  \
	  struct bench_histogram *histogram = &bench_histogram_thread_local;,                                          \
	  histogram_thread_local(histogram, n);)

#define PEAKS(X)                                                                                                       \
	X("peak", "rseqkit", BENCH_ANY, peak_rseqkit, NULL, bench_settle_peak,                                         \
	  struct rk_peak *peak = bench_peak; bench_peak_announce((int64_t)n);,                                         \
	  rk_peak_record_max(peak, (int64_t)n);)                                                                       \
	X("peak", "shared-atomic", BENCH_ANY, peak_shared, NULL, bench_settle_peak_shared,                             \
	  int64_t *word = &bench_peak_shared.peak; bench_peak_announce((int64_t)n);,                                   \
	  peak_raise(word, (int64_t)n);)                                                                               \
	X("peak", "shared-always", BENCH_ANY, peak_always, NULL, bench_settle_peak_always,                             \
	  int64_t *word = &bench_peak_always.peak; bench_peak_announce((int64_t)n);,                                   \
	  peak_raise_always(word, (int64_t)n);)                                                                        \
	X("peak", "mutex", BENCH_ANY, peak_mutex, NULL, bench_settle_peak_mutex,                                       \
	  struct bench_level *level = &bench_peak_mutex; bench_peak_announce((int64_t)n);,                             \
	  peak_mutex(level, (int64_t)n);)                                                                              \
	X("peak", "thread-local", BENCH_ANY, peak_thread_local, NULL, bench_settle_peak_thread_local,                  \
	  struct bench_level *level = &bench_level_thread_local; bench_peak_announce((int64_t)n);,                     \
	  peak_thread_local(level, (int64_t)n);)                                                                       \
	X("peak-rising", "rseqkit", BENCH_ANY, peak_rising_rseqkit, NULL, bench_settle_peak,                           \
	  struct rk_peak *peak = bench_peak; int64_t value = bench_peak_rise(n);,                                      \
	  value++; rk_peak_record_max(peak, value);)                                                                   \
	X("peak-rising", "shared-atomic", BENCH_ANY, peak_rising_shared, NULL, bench_settle_peak_shared,               \
	  int64_t *word = &bench_peak_shared.peak; int64_t value = bench_peak_rise(n);,                                \
	  value++; peak_raise(word, value);)                                                                           \
	X("peak-rising", "shared-always", BENCH_ANY, peak_rising_always, NULL, bench_settle_peak_always,               \
	  int64_t *word = &bench_peak_always.peak; int64_t value = bench_peak_rise(n);,                                \
	  value++; peak_raise_always(word, value);)                                                                    \
	X("peak-rising", "mutex", BENCH_ANY, peak_rising_mutex, NULL, bench_settle_peak_mutex,                         \
	  struct bench_level *level = &bench_peak_mutex; int64_t value = bench_peak_rise(n);,                          \
	  value++; peak_mutex(level, value);)                                                                          \
	X("peak-rising", "thread-local", BENCH_ANY, peak_rising_thread_local, NULL, bench_settle_peak_thread_local,    \
	  struct bench_level *level = &bench_level_thread_local; int64_t value = bench_peak_rise(n);,                  \
	  value++; peak_thread_local(level, value);)                                                                   \
	X("level", "rseqkit", BENCH_ANY, level_rseqkit, NULL, bench_settle_level,                                      \
	  struct rk_level *level = bench_level;,                                                                       \
	  rk_level_add(level, 1); rk_level_add(level, -1);)                                                            \
	X("level", "exact", BENCH_ANY, level_exact, NULL, bench_settle_level_exact,                                    \
	  struct rk_level *level = bench_level_exact;,                                                                 \
	  rk_level_add(level, 1); rk_level_add(level, -1);)                                                            \
	X("level", "shared-atomic", BENCH_ANY, level_shared, NULL, bench_settle_level_shared,                          \
	  struct bench_level *level = &bench_level_shared;,                                                            \
	  level_shared(level, 1); level_shared(level, -1);)                                                            \
	X("level", "mutex", BENCH_ANY, level_mutex, NULL, bench_settle_level_mutex,                                    \
	  struct bench_level *level = &bench_level_mutex;,                                                             \
	  level_mutex(level, 1); level_mutex(level, -1);)                                                              \
	X("level", "thread-local", BENCH_ANY, level_thread_local, NULL, NULL,                                          \
	  struct bench_level *level = &bench_level_thread_local;,                                                      \
	  level_thread_local(level, 1); level_thread_local(level, -1);)                                                \
	X("level-rising", "rseqkit", BENCH_ANY, level_rising_rseqkit, bench_sum_level, bench_settle_level,             \
	  struct rk_level *level = bench_level;,                                                                       \
	  rk_level_add(level, 1);)                                                                                     \
	X("level-rising", "exact", BENCH_ANY, level_rising_exact, bench_sum_level_exact, bench_settle_level_exact,     \
	  struct rk_level *level = bench_level_exact;,                                                                 \
	  rk_level_add(level, 1);)                                                                                     \
	X("level-rising", "shared-atomic", BENCH_ANY, level_rising_shared, bench_sum_level_shared, bench_settle_level_shared, \
	  struct bench_level *level = &bench_level_shared;,                                                            \
	  level_shared(level, 1);)                                                                                     \
	X("level-rising", "mutex", BENCH_ANY, level_rising_mutex, bench_sum_level_mutex, bench_settle_level_mutex,     \
	  struct bench_level *level = &bench_level_mutex;,                                                             \
	  level_mutex(level, 1);)                                                                                      \
	X("level-rising", "thread-local", BENCH_ANY, level_rising_thread_local, NULL, NULL,                            \
	  struct bench_level *level = &bench_level_thread_local;,                                                      \
	  level_thread_local(level, 1);)

#define LISTS(X)                                                                                                       \
	X("freelist", "rseqkit", BENCH_ANY, freelist_rseqkit, NULL, bench_settle_freelist_rseqkit,                     \
	  struct bench_freelist *list = &bench_freelist_rseqkit; struct rk_freelist *of = list->list;,                 \
	  failed |= freelist_rseqkit(list, of);)                                                                       \
	X("freelist", "operations", BENCH_RSEQ, freelist_operations, NULL, bench_settle_freelist_operations,           \
	  struct bench_freelist *list = &bench_freelist_operations; void *slots = list->slots;,                        \
	  failed |= freelist_operations(list, slots);)                                                                 \
	IF_CLASSIC(X("freelist", "classic", BENCH_RSEQ, freelist_classic, NULL, bench_settle_freelist_classic,         \
	  struct bench_freelist *list = &bench_freelist_classic; void *slots = list->slots;,                           \
	  failed |= freelist_classic(list, slots);))                                                                   \
	IF_FLOOR(X("freelist", "floor", BENCH_RSEQ, freelist_floor, NULL, bench_settle_freelist_floor,                 \
	  struct bench_freelist *list = &bench_freelist_floor; void *slots = list->slots;,                             \
	  failed |= freelist_floor(list, slots);))                                                                     \
	X("freelist", "shared-stack", BENCH_ANY, freelist_stack, NULL, bench_settle_freelist_stack,                    \
	  struct bench_freelist *list = &bench_freelist_stack;,                                                        \
	  failed |= freelist_stack(list);)                                                                             \
	X("freelist", "mutex", BENCH_ANY, freelist_mutex, NULL, bench_settle_freelist_mutex,                           \
	  struct bench_freelist *list = &bench_freelist_mutex;,                                                        \
	  failed |= freelist_mutex(list);)                                                                             \
	X("freelist", "thread-local", BENCH_ANY, freelist_thread_local, NULL, NULL,                                    \
	  intptr_t *first = freelist_of_thread();,                                                                     \
	  freelist_thread_local(first);)

#define LOGS(X)                                                                                                        \
	X("log", "rseqkit", BENCH_RSEQ, log_rseqkit, bench_sum_log_rseqkit, bench_settle_log_rseqkit,                  \
	  void *logs = bench_log_rseqkit; intptr_t count = 0;,                                                         \
	  failed |= log_rseqkit(logs, &count, &bench_record);)                                                         \
	IF_CLASSIC(X("log", "classic", BENCH_RSEQ, log_classic, bench_sum_log_classic, bench_settle_log_classic,       \
	  void *logs = bench_log_classic; intptr_t count = 0;,                                                         \
	  failed |= log_classic(logs, &count, &bench_record);))                                                        \
	X("log", "shared", BENCH_ANY, log_shared, bench_sum_log_shared, bench_settle_log_shared,                       \
	  struct bench_log *log = &bench_log_shared;,                                                                  \
	  log_shared(log, &bench_record);)                                                                             \
	X("log", "thread-local", BENCH_ANY, log_thread_local, NULL, NULL,                                              \
	  struct bench_log *log = &bench_log_thread_local;,                                                            \
	  log_thread_local(log, &bench_record);)

#define CACHES(X)                                                                                                      \
	X("cache", "rseqkit", BENCH_ANY, cache_rseqkit, NULL, bench_settle_cache_rseqkit,                              \
	  struct rk_cache *cache = bench_cache;,                                                                       \
	  failed |= cache_rseqkit(cache);)                                                                             \
	X("cache", "glibc", BENCH_GLIBC, cache_glibc, NULL, bench_settle_cache_malloc, ,                               \
	  failed |= cache_malloc();)                                                                                   \
	X("cache", "jemalloc", BENCH_JEMALLOC, cache_jemalloc, NULL, bench_settle_cache_malloc, ,                      \
	  failed |= cache_malloc();)                                                                                   \
	X("cache", "mimalloc", BENCH_MIMALLOC, cache_mimalloc, NULL, bench_settle_cache_malloc, ,                      \
	  failed |= cache_malloc();)                                                                                   \
	X("cache", "tcmalloc", BENCH_TCMALLOC, cache_tcmalloc, NULL, bench_settle_cache_malloc, ,                      \
	  failed |= cache_malloc();)                                                                                   \
	X("cache", "mutex", BENCH_ANY, cache_mutex, NULL, bench_settle_cache_mutex,                                    \
	  struct bench_guarded *guarded = &bench_cache_guarded; void *object;,                                         \
	  failed |= cache_mutex(guarded, &object, 1);)                                                                 \
	X("cache-batch", "rseqkit", BENCH_ANY, batch_rseqkit, NULL, bench_settle_cache_rseqkit,                        \
	  struct rk_cache *cache = bench_cache; void *objects[BENCH_BATCH];,                                           \
	  failed |= cache_rseqkit_batch(cache, objects);)                                                              \
	X("cache-batch", "glibc", BENCH_GLIBC, batch_glibc, NULL, bench_settle_cache_malloc,                           \
	  void *objects[BENCH_BATCH];,                                                                                 \
	  failed |= cache_malloc_batch(objects);)                                                                      \
	X("cache-batch", "jemalloc", BENCH_JEMALLOC, batch_jemalloc, NULL, bench_settle_cache_malloc,                  \
	  void *objects[BENCH_BATCH];,                                                                                 \
	  failed |= cache_malloc_batch(objects);)                                                                      \
	X("cache-batch", "mimalloc", BENCH_MIMALLOC, batch_mimalloc, NULL, bench_settle_cache_malloc,                  \
	  void *objects[BENCH_BATCH];,                                                                                 \
	  failed |= cache_malloc_batch(objects);)                                                                      \
	X("cache-batch", "tcmalloc", BENCH_TCMALLOC, batch_tcmalloc, NULL, bench_settle_cache_malloc,                  \
	  void *objects[BENCH_BATCH];,                                                                                 \
	  failed |= cache_malloc_batch(objects);)                                                                      \
	X("cache-batch", "mutex", BENCH_ANY, batch_mutex, NULL, bench_settle_cache_mutex,                              \
	  struct bench_guarded *guarded = &bench_cache_guarded; void *objects[BENCH_BATCH];,                           \
	  failed |= cache_mutex(guarded, objects, BENCH_BATCH);)

#define RINGS(X)                                                                                                       \
	X("ring", "rseqkit", BENCH_RSEQ, ring_rseqkit, NULL, bench_settle_ring,                                        \
	  RING_TALLY; RING_OWN;,                                                                                       \
	  RING_ONCE(ring_rseqkit, ring_rseqkit_release, &own, n))                                                      \
	X("ring", "ck-mpmc", BENCH_CK_SPINS, ring_mpmc, NULL, bench_settle_ring,                                             \
	  RING_TALLY; RING_CK_OF(bench_ring_mpmc),                                                                     \
	  IF_CK(RING_ONCE(ring_mpmc, ring_nothing, ring, n)))                                                          \
	X("ring", "ck-spsc", BENCH_CK, ring_spsc, NULL, bench_settle_ring,                                             \
	  RING_TALLY; RING_CK_OF(bench_ring_spsc),                                                                     \
	  IF_CK(RING_ONCE(ring_spsc, ring_nothing, ring, n)))                                                          \
	X("ring", "wfcqueue", BENCH_URCU, ring_wfcqueue, NULL, bench_settle_ring,                                      \
	  RING_TALLY; RING_NODES_OF,                                                                                   \
	  IF_URCU(RING_ONCE(ring_wfcqueue, ring_nothing, &nodes, n)))                                                  \
	X("ring", "mutex", BENCH_ANY, ring_mutex, NULL, bench_settle_ring,                                             \
	  RING_TALLY; struct ring_guarded *ring = &bench_ring_guarded;,                                                \
	  RING_ONCE(ring_mutex, ring_nothing, ring, n))                                                                \
	X("ring-batch", "rseqkit", BENCH_RSEQ, rings_rseqkit, NULL, bench_settle_ring,                                 \
	  RING_TALLY; RING_OWN;,                                                                                       \
	  RING_TURN(ring_rseqkit, ring_rseqkit_release, &own, BENCH_RING_BATCH, n))                                    \
	X("ring-batch", "ck-mpmc", BENCH_CK_SPINS, rings_mpmc, NULL, bench_settle_ring,                                      \
	  RING_TALLY; RING_CK_OF(bench_ring_mpmc),                                                                     \
	  IF_CK(RING_TURN(ring_mpmc, ring_nothing, ring, BENCH_RING_BATCH, n)))                                        \
	X("ring-batch", "ck-spsc", BENCH_CK, rings_spsc, NULL, bench_settle_ring,                                      \
	  RING_TALLY; RING_CK_OF(bench_ring_spsc),                                                                     \
	  IF_CK(RING_TURN(ring_spsc, ring_nothing, ring, BENCH_RING_BATCH, n)))                                        \
	X("ring-batch", "wfcqueue", BENCH_URCU, rings_wfcqueue, NULL, bench_settle_ring,                               \
	  RING_TALLY; RING_NODES_OF,                                                                                   \
	  IF_URCU(RING_TURN(ring_wfcqueue, ring_nothing, &nodes, BENCH_RING_BATCH, n)))                                \
	X("ring-batch", "mutex", BENCH_ANY, rings_mutex, NULL, bench_settle_ring,                                      \
	  RING_TALLY; struct ring_guarded *ring = &bench_ring_guarded;,                                                \
	  RING_TURN(ring_mutex, ring_nothing, ring, BENCH_RING_BATCH, n))

#define LOCKS(X)                                                                                                       \
	X("lock", "rseqkit", BENCH_ANY, lock_rseqkit, bench_sum_lock_rseqkit, NULL,                                    \
	  struct rk_lock *lock = bench_lock;,                                                                          \
	  lock_rseqkit(lock);)                                                                                         \
	IF_FLOOR(X("lock", "floor", BENCH_RSEQ, lock_floor, NULL, NULL,                                                \
	  void *slots = bench_lock_floor;,                                                                             \
	  lock_floor(slots);))                                                                                         \
	X("lock", "pthread-percpu", BENCH_ANY, lock_mutexes, bench_sum_lock_mutexes, NULL,                             \
	  struct bench_lock_mutex *locks = bench_lock_mutexes;,                                                        \
	  lock_mutex(&locks[sched_getcpu()]);)                                                                         \
	X("lock", "pthread", BENCH_ANY, lock_mutex, bench_sum_lock_mutex, NULL,                                        \
	  struct bench_lock_mutex *lock = &bench_lock_mutex;,                                                          \
	  lock_mutex(lock);)

#define READERS(X)                                                                                                     \
	X("rcu", "rseqkit", BENCH_ANY, rcu_rseqkit, bench_sum_rcu, bench_settle_rcu_rseqkit,                           \
	  RCU_TALLY; struct rk_rcu *rcu = bench_rcu;,                                                                  \
	  seen += rcu_rseqkit_read(rcu, place);)                                                                       \
	IF_FLOOR(X("rcu", "floor", BENCH_RSEQ, rcu_floor, bench_sum_rcu, NULL,                                         \
	  RCU_TALLY; void **gate = &bench_rcu_floor_gate;,                                                             \
	  seen += rcu_floor_read(gate, place);))                                                                       \
	X("rcu", "liburcu-bp", BENCH_URCU_FLAVOURS, rcu_bp, bench_sum_rcu, bench_settle_rcu,                           \
	  RCU_ENTER(bp),                                                                                               \
	  IF_FLAVOURS(seen += rcu_bp_read(place);))                                                                    \
	X("rcu", "liburcu-memb", BENCH_URCU_FLAVOURS, rcu_memb, bench_sum_rcu, bench_settle_rcu,                       \
	  RCU_ENTER(memb),                                                                                             \
	  IF_FLAVOURS(seen += rcu_memb_read(place);))                                                                  \
	X("rcu", "liburcu-mb", BENCH_URCU_FLAVOURS, rcu_mb, bench_sum_rcu, bench_settle_rcu,                           \
	  RCU_ENTER(mb),                                                                                               \
	  IF_FLAVOURS(seen += rcu_mb_read(place);))                                                                    \
	X("rcu", "liburcu-qsbr", BENCH_URCU_FLAVOURS, rcu_qsbr, bench_sum_rcu, bench_settle_rcu,                       \
	  RCU_ENTER(qsbr),                                                                                             \
	  IF_FLAVOURS(seen += rcu_qsbr_read(place); rcu_qsbr_announce(n);))                                            \
	X("rcu", "pthread-rwlock", BENCH_ANY, rcu_rwlock, bench_sum_rcu, bench_settle_rcu_rwlock,                      \
	  RCU_TALLY; pthread_rwlock_t *lock = &bench_rcu_rwlock;,                                                      \
	  seen += rcu_rwlock_read(lock, place);)                                                                       \
	X("rwlock", "rseqkit", BENCH_ANY, rwlock_rseqkit, bench_sum_rcu, bench_settle_rwlock_rseqkit,                  \
	  RCU_TALLY; struct rk_rwlock *lock = bench_rwlock;,                                                           \
	  seen += rwlock_rseqkit_read(lock, place);)                                                                   \
	IF_FLOOR(X("rwlock", "floor", BENCH_RSEQ, rwlock_floor, bench_sum_rcu, NULL,                                   \
	  RCU_TALLY; void **gate = &bench_rcu_floor_gate;,                                                             \
	  seen += rcu_floor_read(gate, place);))                                                                       \
	X("rwlock", "pthread", BENCH_ANY, rwlock_pthread, bench_sum_rcu, bench_settle_rcu_rwlock,                      \
	  RCU_TALLY; pthread_rwlock_t *lock = &bench_rcu_rwlock;,                                                      \
	  seen += rcu_rwlock_read(lock, place);)                                                                       \
	X("rwlock", "ck", BENCH_CK, rwlock_ck, bench_sum_rcu, bench_settle_rwlock_ck,                                  \
	  RWLOCK_CK_OF,                                                                                                \
	  IF_CK(seen += rwlock_ck_read(lock, place);))

#define REFERENCES(X)                                                                                                  \
	X("ref", "rseqkit", BENCH_ANY, ref_rseqkit, NULL, bench_settle_ref_rseqkit,                                    \
	  struct rk_ref *ref = &bench_ref_object.ref;,                                                                 \
	  ref_rseqkit(ref);)                                                                                           \
	IF_FLOOR(X("ref", "floor", BENCH_RSEQ, ref_floor, NULL, NULL,                                                  \
	  void **gate = &bench_ref_floor_gate;,                                                                        \
	  ref_floor(gate);))                                                                                           \
	X("ref", "atomic", BENCH_ANY, ref_atomic, NULL, bench_settle_ref_atomic,                                       \
	  struct bench_ref_atomic *object = &bench_ref_atomic;,                                                        \
	  ref_atomic(object);)

#define SLICES(X)                                                                                                      \
	X("slice", "rseqkit", BENCH_ANY, slice_rseqkit, NULL, NULL,                                                    \
	  volatile uint64_t *word = &bench_slice_word; int requested;,                                                 \
	  requested = rk_slice_begin(); ++*word; rk_slice_end(requested);)                                             \
	X("slice", "nothing", BENCH_ANY, slice_nothing, NULL, NULL,                                                    \
	  volatile uint64_t *word = &bench_slice_word;,                                                                \
	  ++*word;)                                                                                                    \
	X("mutex", "rseqkit", BENCH_ANY, mutex_rseqkit, bench_sum_mutex_rseqkit, NULL,                                 \
	  struct bench_mutex *mutex = &bench_mutex_rseqkit;,                                                           \
	  mutex_rseqkit(mutex);)                                                                                       \
	X("mutex", "pthread", BENCH_ANY, mutex_pthread, bench_sum_mutex_pthread, NULL,                                 \
	  struct bench_mutex *mutex = &bench_mutex_pthread;,                                                           \
	  mutex_pthread(mutex);)                                                                                       \
	X("mutex", "pthread-adaptive", BENCH_ANY, mutex_adaptive, bench_sum_mutex_adaptive, NULL,                      \
	  struct bench_mutex *mutex = &bench_mutex_adaptive;,                                                          \
	  mutex_pthread(mutex);)

#define CPUS(X)                                                                                                        \
	X("cpu", "rseqkit", BENCH_ANY, cpu_rseqkit, NULL, NULL, , USE(rk_cpu());)                                      \
	X("cpu", "sched_getcpu", BENCH_ANY, cpu_sched_getcpu, NULL, NULL, , USE(sched_getcpu());)                      \
	X("cpu", "getcpu-syscall", BENCH_ANY, cpu_syscall, NULL, NULL,                                                 \
	  unsigned cpu;,                                                                                               \
	  failed |= (int)syscall(SYS_getcpu, &cpu, NULL, NULL);)                                                       \
	X("cpu", "empty-loop", BENCH_ANY, cpu_empty, NULL, NULL, , __asm__ __volatile__("");)

#define REGISTRATIONS(X)                                                                                               \
	X("register", "rseqkit", BENCH_RSEQ, register_pair, NULL, NULL, ,                                              \
	  failed |= rk_thread_register(); failed |= rk_thread_unregister();)                                           \
	X("register-self", "rseqkit", BENCH_SELF, register_nested, NULL, NULL,                                         \
	  failed = rk_thread_register();,                                                                              \
	  failed |= rk_thread_register(); failed |= rk_thread_unregister();)                                           \
	X("register-self", "rseqkit-vfork-bracket", BENCH_SELF, register_vfork, NULL, NULL,                            \
	  failed = rk_thread_prepare();,                                                                               \
	  failed |= rk_vfork_begin(); failed |= rk_vfork_end();)                                                       \
	X("register-self", "bare-syscalls", BENCH_SELF, register_bare, NULL, NULL,                                     \
	  (void)bench_bare_unregister();,                                                                              \
	  failed |= bench_bare_register(); failed |= bench_bare_unregister();)
/* clang-format on */

#endif /* RK_BENCH_CONTENDERS_H */
