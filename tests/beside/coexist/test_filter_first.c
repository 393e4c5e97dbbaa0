/* SPDX-License-Identifier: MIT */
/*
 * Tests the lists of system calls in rseqkit/thread.h for each function of the library. A process creates the objects, prepares
 * the thread, and makes its first call of one function. The call may make only the system calls of its row. The program executes
 * itself for each function. MAP is the library's version script. Each function that the library exports has a row here. The
 * exceptions are the library's decision, threads and brackets (test_filter.c), and the operations of ops.h.
 */
#include "filtered.h"
#include <fcntl.h>
#include <rseqkit/ktls.h>
#include <rseqkit/lock.h>
#include <rseqkit/mutex.h>
#include <rseqkit/ops.h>
#include <rseqkit/rcu.h>
#include <rseqkit/ref.h>
#include <rseqkit/slice.h>
#include <rseqkit/vector.h>

/* The rows. Each includes the calls of the rows that thread.h names in it. */
static const int none[] = {-1};
static const int creating[] = {SYS_mmap, SYS_mprotect, SYS_munlock, SYS_madvise, SYS_munmap, SYS_prlimit64, SYS_clock_gettime,
			       SYS_membarrier, SYS_rt_sigprocmask, -1};
static const int fencing[] = {SYS_membarrier, -1};
static const int waiting_for_records[] = {SYS_futex, SYS_membarrier, SYS_clock_gettime, -1};
static const int undisturbed[] = {SYS_rt_sigprocmask, SYS_membarrier, -1};
static const int counting_memory[] = {SYS_openat, SYS_pread64, SYS_close, SYS_rt_sigprocmask, -1};
static const int slicing[] = {SYS_get_robust_list, SYS_gettid, SYS_prctl, 471 /* rseq_slice_yield */, SYS_futex,
			      SYS_clock_gettime, -1};

struct row {
	const int *calls, *more;
};

static const struct row NONE = {none, NULL}, CREATE = {creating, NULL}, FENCE = {fencing, NULL}, CLAIM = {claiming, NULL},
			CUT = {fencing, claiming}, WAIT = {waiting_for_records, claiming}, GRACE = {undisturbed, claiming},
			MEMORY = {counting_memory, NULL}, SLICE = {slicing, NULL}, CHECKED = {slicing, undisturbed},
			CREATE_CLAIM = {creating, claiming};

/* The objects. */
static struct rk_counter *counter;
static struct rk_counter_group *group;
static struct rk_histogram *histogram;
static struct rk_histogram_snapshot *snapshot;
static struct rk_peak *peak;
static struct rk_level *level;
static struct rk_freelist *list;
static struct rk_cache *cache, *used;
static struct rk_ring *ring, *overwriting;
static struct rk_rcu *rcu;
static struct rk_lock *lock;
static struct rk_rwlock *rwlock;
static struct rk_percpu *pool, *closable;
static struct rk_ref ref, dead;
static struct rk_mutex mutex = RK_MUTEX_INIT;
static struct rk_condition condition = RK_CONDITION_INIT;
static struct rk_counter_static static_counter = RK_COUNTER_STATIC;
static struct rk_peak_static static_peak = RK_PEAK_STATIC;
static struct rk_freelist_node node, pushed;
static struct rk_claim claim;
static void *item, *banks, *bank, *some[4];
static int64_t values[2];
static char object[64];

static void forget(void *context, void *one)
{
	(void)context;
	(void)one;
}

static void release(struct rk_ref *one)
{
	(void)one;
}

static void run(struct rk_rcu_call *call)
{
	(void)call;
}

static int see(void *context, const struct rk_ring_record *record)
{
	(void)context;
	(void)record;
	return 0;
}

static void create_all(void)
{
	struct rk_cache_options objects = {.destruct = forget}, few = {.destruct = forget, .objects_max = 4};
	struct rk_ring_options records = {.size = 8192};
	struct rk_percpu_options items = {.item_size = 64}, slots = {.item_size = 64, .flags = RK_PERCPU_CLOSABLE};

	CHECK(rk_counter_create(&counter) == 0 && rk_counter_group_create(&group, NULL, 2) == 0);
	CHECK(rk_histogram_create(&histogram, 2, 100) == 0 && rk_histogram_snapshot_create(&snapshot, histogram) == 0);
	CHECK(rk_peak_create(&peak) == 0 && rk_level_create(&level, 10) == 0 && rk_freelist_create(&list) == 0);
	CHECK(rk_cache_create(&cache, &objects, sizeof(objects)) == 0 && rk_cache_create(&used, &few, sizeof(few)) == 0);
	CHECK(rk_ring_create(&ring, &records, sizeof(records)) == 0);
	records.flags = RK_RING_OVERWRITE;
	CHECK(rk_ring_create(&overwriting, &records, sizeof(records)) == 0);
	CHECK(rk_rcu_create(&rcu, 0) == 0 && rk_lock_create(&lock, 8) == 0 && rk_rwlock_create(&rwlock, 0) == 0);
	CHECK(rk_percpu_create(&pool, &items, sizeof(items)) == 0 && rk_percpu_alloc(pool, &item) == 0);
	CHECK(rk_percpu_create(&closable, &slots, sizeof(slots)) == 0 && rk_percpu_alloc(closable, &banks) == 0);
	CHECK(rk_ref_init(&ref, release) == 0 && rk_ref_init(&dead, release) == 0);
	CHECK(rk_counter_static_get(&static_counter) != NULL && rk_peak_static_get(&static_peak) != NULL);
	bank = rk_percpu_bank(closable, banks, 0, 0);
	some[0] = object;
	rk_cache_put(used, object);
	rk_freelist_push(list, &pushed);
	(void)rk_ring_write(ring, "", 1);
	(void)rk_ring_write_stamped(overwriting, "", 1);
	(void)rk_thread_prepare();
}

#define EACH_FUNCTION(F)                                                                                                        \
	F(rk_version, NONE, (void)rk_version())                                                                                 \
	F(rk_error_text, NONE, (void)rk_error_text(-EBUSY))                                                                     \
	F(rk_thread_owner, NONE, (void)rk_thread_owner())                                                                       \
	F(rk_thread_users, NONE, (void)rk_thread_users())                                                                       \
	F(rk_thread_area, NONE, (void)rk_thread_area())                                                                         \
	F(rk_owner_name, NONE, (void)rk_owner_name(RK_OWNER_NONE))                                                              \
	F(rk_reason_text, NONE, (void)rk_reason_text(RK_REASON_NONE))                                                           \
	F(rk_cpus_count, NONE, (void)rk_cpus_count())                                                                           \
	F(rk_cpus_next, NONE, (void)rk_cpus_next(-1))                                                                           \
	F(rk_cpu, NONE, (void)rk_cpu())                                                                                         \
	F(rk_cid, NONE, (void)rk_cid())                                                                                         \
	F(rk_percpu_slot, NONE, (void)rk_percpu_slot(item, 0))                                                                  \
	F(rk_percpu_options_fault, NONE, (void)rk_percpu_options_fault(NULL, 0))                                                \
	F(rk_percpu_create, CREATE, more_memory(0))                                                                             \
	F(rk_percpu_alloc, CREATE, more_memory(1))                                                                              \
	F(rk_percpu_free, CREATE, (void)rk_percpu_free(pool, item))                                                             \
	F(rk_percpu_destroy, CREATE, (void)rk_percpu_destroy(pool))                                                             \
	F(rk_percpu_trim, CREATE, (void)rk_percpu_trim(pool))                                                                   \
	F(rk_percpu_query, MEMORY, more_memory(2))                                                                              \
	F(rk_percpu_check, NONE, more_memory(3))                                                                                \
	F(rk_percpu_bank, NONE, (void)rk_percpu_bank(closable, banks, 0, 1))                                                    \
	F(rk_percpu_spare, NONE, (void)rk_percpu_spare(closable, banks, 0))                                                     \
	F(rk_percpu_open, NONE, (void)rk_percpu_open(closable, banks, 0))                                                       \
	F(rk_percpu_vector, CUT, vector_on(closable))                                                                           \
	F(rk_vector, CUT, vector_on(NULL))                                                                                      \
	F(rk_fence_cpu, FENCE, (void)rk_fence_cpu(0))                                                                           \
	F(rk_fence_cpus, FENCE, (void)rk_fence_cpus(object, sizeof(object)))                                                    \
	F(rk_fence_all, FENCE, (void)rk_fence_all())                                                                            \
	F(rk_fence_prepare, FENCE, (void)rk_fence_prepare())                                                                    \
	F(rk_claim_take_try, CLAIM, (void)rk_claim_take_try(&claim))                                                            \
	F(rk_claim_take_for, CLAIM, (void)rk_claim_take_for(&claim, 1000))                                                      \
	F(rk_claim_release, CLAIM, (void)rk_claim_release(&claim))                                                              \
	F(rk_bank_open_first, NONE, (void)rk_bank_open_first(rk_percpu_slot(banks, 0), bank))                                   \
	F(rk_bank_begin_try, CLAIM, (void)rk_bank_begin_try(banks, 0))                                                          \
	F(rk_bank_begin_for, CLAIM, (void)rk_bank_begin_for(banks, 0, 1000))                                                    \
	F(rk_bank_take, CUT, (void)rk_bank_begin_try(banks, 0); (void)rk_bank_take(banks, 0, NULL, &some[1]))                   \
	F(rk_bank_take_cid, CUT, (void)rk_bank_begin_try(banks, 0); (void)rk_bank_take_cid(banks, 0, NULL, &some[1]))           \
	F(rk_bank_open, CLAIM, (void)rk_bank_open(banks, 0, bank))                                                              \
	F(rk_bank_done, CLAIM, (void)rk_bank_done(banks, 0))                                                                    \
	F(rk_counter_create, CREATE, (void)rk_counter_create(&counter))                                                         \
	F(rk_counter_destroy, CREATE, (void)rk_counter_destroy(counter))                                                        \
	F(rk_counter_add, NONE, rk_counter_add(counter, 1))                                                                     \
	F(rk_counter_sum, NONE, (void)rk_counter_sum(counter))                                                                  \
	F(rk_counter_reset, NONE, (void)rk_counter_reset(counter))                                                              \
	F(rk_counter_query, MEMORY, more_memory(4))                                                                             \
	F(rk_counter_static_add, NONE, rk_counter_static_add(&static_counter, 1))                                               \
	F(rk_counter_static_get, NONE, (void)rk_counter_static_get(&static_counter))                                            \
	F(rk_counter_static_sum, NONE, (void)rk_counter_static_sum(&static_counter))                                            \
	F(rk_counter_static_destroy, CREATE, (void)rk_counter_static_destroy(&static_counter))                                  \
	F(rk_counter_group_create, CREATE, (void)rk_counter_group_create(&group, NULL, 3))                                      \
	F(rk_counter_group_destroy, CREATE, (void)rk_counter_group_destroy(group))                                              \
	F(rk_counter_group_count, NONE, (void)rk_counter_group_count(group))                                                    \
	F(rk_counter_group_name, NONE, (void)rk_counter_group_name(group, 0))                                                   \
	F(rk_counter_group_add, NONE, rk_counter_group_add(group, 1, 1))                                                        \
	F(rk_counter_group_read, CUT, (void)rk_counter_group_read(group, values, 2))                                            \
	F(rk_counter_group_reset, CUT, (void)rk_counter_group_reset(group, values, 2))                                          \
	F(rk_counter_group_read_relaxed, NONE, (void)rk_counter_group_read_relaxed(group, values, 2))                           \
	F(rk_counter_group_static_get, CREATE, static_group(0))                                                                 \
	F(rk_counter_group_static_add, CREATE, static_group(1))                                                                 \
	F(rk_counter_group_static_destroy, CREATE, static_group(2))                                                             \
	F(rk_peak_create, CREATE, (void)rk_peak_create(&peak))                                                                  \
	F(rk_peak_destroy, CREATE, (void)rk_peak_destroy(peak))                                                                 \
	F(rk_peak_record_max, NONE, rk_peak_record_max(peak, 1))                                                                \
	F(rk_peak_record_min, NONE, rk_peak_record_min(peak, 1))                                                                \
	F(rk_peak_max, NONE, (void)rk_peak_max(peak, values))                                                                   \
	F(rk_peak_min, NONE, (void)rk_peak_min(peak, values))                                                                   \
	F(rk_peak_max_reset, NONE, (void)rk_peak_max_reset(peak, values))                                                       \
	F(rk_peak_min_reset, NONE, (void)rk_peak_min_reset(peak, values))                                                       \
	F(rk_peak_static_get, NONE, (void)rk_peak_static_get(&static_peak))                                                     \
	F(rk_peak_static_record_max, NONE, rk_peak_static_record_max(&static_peak, 1))                                          \
	F(rk_peak_static_record_min, NONE, rk_peak_static_record_min(&static_peak, 1))                                          \
	F(rk_peak_static_destroy, CREATE, (void)rk_peak_static_destroy(&static_peak))                                           \
	F(rk_level_create, CREATE, (void)rk_level_create(&level, 10))                                                           \
	F(rk_level_destroy, CREATE, (void)rk_level_destroy(level))                                                              \
	F(rk_level_add, NONE, rk_level_add(level, 1))                                                                           \
	F(rk_level_get, NONE, (void)rk_level_get(level))                                                                        \
	F(rk_level_peak, NONE, (void)rk_level_peak(level))                                                                      \
	F(rk_level_peak_reset, NONE, (void)rk_level_peak_reset(level))                                                          \
	F(rk_rate_note, NONE, rate())                                                                                           \
	F(rk_rate_events, NONE, rate())                                                                                         \
	F(rk_histogram_create, CREATE, (void)rk_histogram_create(&histogram, 3, 1000))                                          \
	F(rk_histogram_fault, NONE, (void)rk_histogram_fault(2, 100))                                                           \
	F(rk_histogram_destroy, CREATE, (void)rk_histogram_destroy(histogram))                                                  \
	F(rk_histogram_buckets, NONE, (void)rk_histogram_buckets(histogram))                                                    \
	F(rk_histogram_snapshot_create, CREATE, (void)rk_histogram_snapshot_create(&snapshot, histogram))                       \
	F(rk_histogram_snapshot_destroy, CREATE, rk_histogram_snapshot_destroy(snapshot))                                       \
	F(rk_histogram_record, NONE, rk_histogram_record(histogram, 1))                                                         \
	F(rk_histogram_record_many, NONE, rk_histogram_record_many(histogram, 1, 2))                                            \
	F(rk_histogram_read, CUT, (void)rk_histogram_read(histogram, snapshot))                                                 \
	F(rk_histogram_reset, CUT, (void)rk_histogram_reset(histogram, snapshot))                                               \
	F(rk_histogram_read_relaxed, NONE, (void)rk_histogram_read_relaxed(histogram, snapshot))                                \
	F(rk_histogram_bucket_lowest, NONE, (void)rk_histogram_bucket_lowest(snapshot, 0))                                      \
	F(rk_histogram_bucket_highest, NONE, (void)rk_histogram_bucket_highest(snapshot, 0))                                    \
	F(rk_histogram_min, NONE, (void)rk_histogram_min(snapshot))                                                             \
	F(rk_histogram_max, NONE, (void)rk_histogram_max(snapshot))                                                             \
	F(rk_histogram_mean, NONE, (void)rk_histogram_mean(snapshot))                                                           \
	F(rk_histogram_percentile, NONE, (void)rk_histogram_percentile(snapshot, 50))                                           \
	F(rk_histogram_merge, NONE, (void)rk_histogram_merge(snapshot, snapshot))                                               \
	F(rk_freelist_create, CREATE, (void)rk_freelist_create(&list))                                                          \
	F(rk_freelist_destroy, CREATE_CLAIM, (void)rk_freelist_destroy(list, NULL))                                             \
	F(rk_freelist_push, CLAIM, rk_freelist_push(list, &node))                                                               \
	F(rk_freelist_push_chain, CLAIM, rk_freelist_push_chain(list, &node, &node))                                            \
	F(rk_freelist_pop, CLAIM, (void)rk_freelist_pop(list))                                                                  \
	F(rk_freelist_drain, CUT, drain(0))                                                                                     \
	F(rk_freelist_drain_all, CUT, drain(1))                                                                                 \
	F(rk_cache_create, CREATE, make_cache())                                                                                \
	F(rk_cache_options_fault, NONE, (void)rk_cache_options_fault(NULL, 0))                                                  \
	F(rk_cache_destroy, CREATE, (void)rk_cache_destroy(cache))                                                              \
	F(rk_cache_get_here, NONE, (void)rk_cache_get_here(used))                                                               \
	F(rk_cache_get, NONE, (void)rk_cache_get(cache))                                                                        \
	F(rk_cache_put, NONE, rk_cache_put(cache, object))                                                                      \
	F(rk_cache_get_batch, NONE, (void)rk_cache_get_batch(cache, some, 3))                                                   \
	F(rk_cache_put_batch, NONE, rk_cache_put_batch(cache, some, 1))                                                         \
	F(rk_cache_reclaim, CUT, for (int i = 0; i < rk_cpus_count(); i++)(void) rk_cache_reclaim(used, i))                     \
	F(rk_cache_reclaim_idle, CUT, (void)rk_cache_reclaim_idle(used))                                                        \
	F(rk_cache_trim, NONE, (void)rk_cache_trim(used, 0))                                                                    \
	F(rk_cache_query, NONE, query_cache())                                                                                  \
	F(rk_ring_create, CREATE, make_ring())                                                                                  \
	F(rk_ring_options_fault, NONE, (void)rk_ring_options_fault(NULL, 0))                                                    \
	F(rk_ring_destroy, CREATE, (void)rk_ring_destroy(ring))                                                                 \
	F(rk_ring_largest, NONE, (void)rk_ring_largest(ring))                                                                   \
	F(rk_ring_write, CLAIM, (void)rk_ring_write(ring, "", 1))                                                               \
	F(rk_ring_write_stamped, CLAIM, (void)rk_ring_write_stamped(ring, "", 1))                                               \
	F(rk_ring_open, CLAIM, read_ring(ring))                                                                                 \
	F(rk_ring_close, CUT, read_ring(overwriting))                                                                           \
	F(rk_ring_next, CLAIM, read_ring(ring))                                                                                 \
	F(rk_ring_release, CLAIM, read_ring(ring))                                                                              \
	F(rk_ring_merge, CUT, (void)rk_ring_merge(ring, see, NULL))                                                             \
	F(rk_ring_newest, CUT, (void)rk_ring_newest(overwriting, UINT64_MAX, 10, NULL, see, NULL))                              \
	F(rk_ring_read_times, NONE, read_times())                                                                               \
	F(rk_ring_monotonic, NONE, read_times())                                                                                \
	F(rk_ring_realtime, NONE, read_times())                                                                                 \
	F(rk_ring_clock, NONE, (void)rk_ring_clock())                                                                           \
	F(rk_ring_arm, FENCE, (void)rk_ring_arm(ring))                                                                          \
	F(rk_ring_wait_for, WAIT, (void)rk_ring_wait_for(ring, 1000))                                                           \
	F(rk_ring_notify, CLAIM, (void)rk_ring_notify(ring, 2))                                                                 \
	F(rk_ring_dropped, NONE, (void)rk_ring_dropped(ring, RK_INDEX_ALL))                                                     \
	F(rk_rcu_create, CREATE, (void)rk_rcu_create(&rcu, 0))                                                                  \
	F(rk_rcu_destroy, CREATE_CLAIM, (void)rk_rcu_destroy(rcu))                                                              \
	F(rk_rcu_read_lock, NONE, read_rcu(false))                                                                              \
	F(rk_rcu_read_unlock, NONE, read_rcu(false))                                                                            \
	F(rk_rcu_read_keep, NONE, read_rcu(true))                                                                               \
	F(rk_rcu_dereference_at, NONE, (void)rk_rcu_dereference(some[0]))                                                       \
	F(rk_rcu_publish_at, NONE, rk_rcu_publish(some[0], (void *)object))                                                     \
	F(rk_rcu_exchange_at, NONE, (void)rk_rcu_exchange(some[0], (void *)object))                                             \
	F(rk_rcu_synchronize, GRACE, (void)rk_rcu_synchronize(rcu))                                                             \
	F(rk_rcu_synchronize_for, GRACE, (void)rk_rcu_synchronize_for(rcu, 1000000))                                            \
	F(rk_rcu_start, GRACE, (void)rk_rcu_start(rcu))                                                                         \
	F(rk_rcu_poll, GRACE, (void)rk_rcu_poll(rcu, 1))                                                                        \
	F(rk_rcu_defer, GRACE, defer())                                                                                         \
	F(rk_rcu_run, GRACE, (void)rk_rcu_run(rcu, 1000))                                                                       \
	F(rk_rcu_barrier, GRACE, (void)rk_rcu_barrier(rcu))                                                                     \
	F(rk_rcu_worker_stop, CLAIM, (void)rk_rcu_worker_stop(rcu))                                                             \
	F(rk_lock_create, CREATE, (void)rk_lock_create(&lock, 16))                                                              \
	F(rk_lock_destroy, CREATE_CLAIM, (void)rk_lock_destroy(lock))                                                           \
	F(rk_lock_here, GRACE, lock_here(0))                                                                                    \
	F(rk_lock_here_try, GRACE, lock_here(1))                                                                                \
	F(rk_lock_here_for, GRACE, lock_here(2))                                                                                \
	F(rk_lock_release, GRACE, lock_here(0))                                                                                 \
	F(rk_lock_cpu, GRACE, (void)rk_lock_cpu(lock, 0, &some[1]))                                                             \
	F(rk_lock_cpu_try, GRACE, (void)rk_lock_cpu_try(lock, 0, &some[1]))                                                     \
	F(rk_lock_cpu_for, GRACE, (void)rk_lock_cpu_for(lock, 0, 1000, &some[1]))                                               \
	F(rk_lock_data, NONE, (void)rk_lock_data(lock, 0))                                                                      \
	F(rk_lock_index, NONE, (void)rk_lock_index(lock, rk_lock_data(lock, 0)))                                                \
	F(rk_rwlock_create, CREATE, (void)rk_rwlock_create(&rwlock, 0))                                                         \
	F(rk_rwlock_destroy, CREATE_CLAIM, (void)rk_rwlock_destroy(rwlock))                                                     \
	F(rk_rwlock_read_lock, NONE, read_rwlock(0))                                                                            \
	F(rk_rwlock_read_lock_try, NONE, read_rwlock(1))                                                                        \
	F(rk_rwlock_read_lock_for, NONE, read_rwlock(2))                                                                        \
	F(rk_rwlock_read_unlock, NONE, read_rwlock(0))                                                                          \
	F(rk_rwlock_read_keep, NONE, read_rwlock(3))                                                                            \
	F(rk_rwlock_write_lock, GRACE, (void)rk_rwlock_write_lock(rwlock))                                                      \
	F(rk_rwlock_write_lock_try, GRACE, (void)rk_rwlock_write_lock_try(rwlock))                                              \
	F(rk_rwlock_write_lock_for, GRACE, (void)rk_rwlock_write_lock_for(rwlock, 1000))                                        \
	F(rk_rwlock_write_unlock, GRACE, (void)rk_rwlock_write_lock(rwlock); (void)rk_rwlock_write_unlock(rwlock))              \
	F(rk_ref_init, CREATE, (void)rk_ref_init(&dead, release))                                                               \
	F(rk_ref_get, NONE, rk_ref_get(&ref))                                                                                   \
	F(rk_ref_put, NONE, rk_ref_put(&ref))                                                                                   \
	F(rk_ref_get_try, NONE, (void)rk_ref_get_try(&ref))                                                                     \
	F(rk_ref_get_live_try, NONE, (void)rk_ref_get_live_try(&ref))                                                           \
	F(rk_ref_kill, FENCE, (void)rk_ref_kill(&ref))                                                                          \
	F(rk_ref_kill_all, FENCE, kill_all())                                                                                   \
	F(rk_slice_enable, SLICE, (void)rk_slice_enable())                                                                      \
	F(rk_slice_begin, SLICE, rk_slice_end(rk_slice_begin()))                                                                \
	F(rk_slice_end, SLICE, rk_slice_end(rk_slice_begin()))                                                                  \
	F(rk_slice_begin_checked, CHECKED, rk_slice_end_checked(rk_slice_begin_checked()))                                      \
	F(rk_slice_end_checked, CHECKED, rk_slice_end_checked(rk_slice_begin_checked()))                                        \
	F(rk_slice_thread_reason, SLICE, (void)rk_slice_thread_reason())                                                        \
	F(rk_slice_reason_text, NONE, (void)rk_slice_reason_text(rk_slice_thread_reason()))                                     \
	F(rk_mutex_init, NONE, (void)rk_mutex_init(&mutex, 0))                                                                  \
	F(rk_mutex_lock, SLICE, (void)rk_mutex_lock(&mutex))                                                                    \
	F(rk_mutex_lock_try, SLICE, (void)rk_mutex_lock_try(&mutex))                                                            \
	F(rk_mutex_lock_for, SLICE, (void)rk_mutex_lock_for(&mutex, 1000))                                                      \
	F(rk_mutex_unlock, SLICE, (void)rk_mutex_lock(&mutex); (void)rk_mutex_unlock(&mutex))                                   \
	F(rk_condition_wait_for, SLICE, wait_for())                                                                             \
	F(rk_condition_signal, SLICE, rk_condition_signal(&condition))                                                          \
	F(rk_condition_broadcast, SLICE, rk_condition_broadcast(&condition))

/* Calls that need more than one line. */

static void more_memory(int which)
{
	struct rk_percpu_options items = {.item_size = 128};
	struct rk_percpu_report report;
	struct rk_percpu_fault fault;

	if (which == 0)
		(void)rk_percpu_create(&pool, &items, sizeof(items));
	if (which == 1)
		(void)rk_percpu_alloc(pool, &item);
	if (which == 2)
		(void)rk_percpu_query(pool, RK_INDEX_ALL, &report, sizeof(report));
	if (which == 3)
		(void)rk_percpu_check(pool, item, &fault, sizeof(fault));
	if (which == 4)
		(void)rk_counter_query(RK_INDEX_ALL, &report, sizeof(report));
}

static void vector_on(const struct rk_percpu *of)
{
	struct rk_vector_op op = {.code = RK_VECTOR_ADD, .length = 8, .where = 0, .operand = 1};

	if (of != NULL)
		(void)rk_percpu_vector(of, banks, 0, &op, 1);
	else
		(void)rk_vector(banks, 0, &some[1], 64, &op, 1);
}

static void static_group(int which)
{
	RK_COUNTER_GROUP_STATIC(numbers, "one", "two", "three");

	if (which == 0)
		(void)rk_counter_group_static_get(&numbers);
	if (which == 1)
		rk_counter_group_static_add(&numbers, 1, 1);
	if (which == 2)
		(void)rk_counter_group_static_destroy(&numbers);
}

static void rate(void)
{
	struct rk_rate one = {0};

	rk_rate_note(&one, 1, 1);
	(void)rk_rate_events(&one, 1, NULL);
}

static void drain(int all)
{
	struct rk_freelist_node *nodes;

	if (all)
		(void)rk_freelist_drain_all(list, &nodes);
	else
		(void)rk_freelist_drain(list, 0, &nodes);
}

static void make_cache(void)
{
	struct rk_cache_options objects = {.destruct = forget, .per_cpu = 1000};

	(void)rk_cache_create(&cache, &objects, sizeof(objects));
}

static void query_cache(void)
{
	struct rk_cache_report report;

	(void)rk_cache_query(cache, &report, sizeof(report));
}

static void make_ring(void)
{
	struct rk_ring_options records = {.size = 65536};

	(void)rk_ring_create(&ring, &records, sizeof(records));
}

static void read_ring(struct rk_ring *from)
{
	struct rk_ring_reader reader;
	struct rk_ring_record record;

	for (int cpu = RK_INDEX_OVERFLOW; cpu < rk_cpus_count(); cpu++) {
		if (rk_ring_open(from, cpu, &reader, sizeof(reader)) < 0)
			continue;
		while (rk_ring_next(&reader, &record))
			rk_ring_release(&reader);
		(void)rk_ring_close(&reader);
	}
}

static void read_times(void)
{
	struct rk_ring_times times;

	if (rk_ring_read_times(ring, &times, sizeof(times)) == 0)
		values[0] = rk_ring_monotonic(&times, 1) + rk_ring_realtime(&times, 1);
}

static void read_rcu(bool keep)
{
	struct rk_rcu_section *section;

	rk_rcu_read_lock(rcu, &section);
	if (keep)
		(void)rk_rcu_read_keep(rcu, section);
	rk_rcu_read_unlock(rcu, section);
}

static void defer(void)
{
	static struct rk_rcu_call call;

	(void)rk_rcu_defer(rcu, &call, run);
}

static void lock_here(int which)
{
	void *data;
	int r = which == 0 ? rk_lock_here(lock, &data) : which == 1 ? rk_lock_here_try(lock, &data) :
								      rk_lock_here_for(lock, 1000, &data);

	if (r == 0)
		(void)rk_lock_release(lock, data);
}

static void read_rwlock(int which)
{
	struct rk_rwlock_section *section;
	int r = which == 1 ? rk_rwlock_read_lock_try(rwlock, &section) :
		which == 2 ? rk_rwlock_read_lock_for(rwlock, 1000, &section) :
			     rk_rwlock_read_lock(rwlock, &section);

	if (r == 0 && which == 3)
		(void)rk_rwlock_read_keep(rwlock, section);
	if (r == 0)
		rk_rwlock_read_unlock(rwlock, section);
}

static void kill_all(void)
{
	struct rk_ref *const refs[] = {&ref, &dead};

	(void)rk_ref_kill_all(refs, 2);
}

static void wait_for(void)
{
	(void)rk_mutex_lock(&mutex);
	(void)rk_condition_wait_for(&condition, &mutex, 1000);
}

#define DEFINE(name, row, ...)                                                                                         \
	static void first_##name(void)                                                                                 \
	{                                                                                                              \
		__VA_ARGS__;                                                                                           \
	}
EACH_FUNCTION(DEFINE)

static const struct {
	const char *name;
	const struct row *row;
	void (*call)(void);
} functions[] = {
#define ENTRY(name, row, ...) {#name, &row, first_##name},
	EACH_FUNCTION(ENTRY)
};
#define FUNCTIONS (sizeof(functions) / sizeof(functions[0]))

/* Runs in the program that was executed anew. */
static void call_first(const char *name)
{
	for (size_t i = 0; i < FUNCTIONS; i++)
		if (strcmp(functions[i].name, name) == 0) {
			create_all();
			allow_only(functions[i].row->calls, functions[i].row->more, NULL, 0);
			functions[i].call();
			_exit(0);
		}
	_exit(99);
}

static const char *function_now;

static int execute(void)
{
	int null = open("/dev/null", O_WRONLY);

	CHECK(setenv("FUNCTION", function_now, 1) == 0 && null >= 0 && dup2(null, STDOUT_FILENO) == STDOUT_FILENO);
	(void)execl("/proc/self/exe", "test_filter_first", (char *)NULL);
	return 98;
}

static void each_first_call(void **state)
{
	static const struct situation situations[] = {ANOTHER_CALL};
	int wrong = 0;

	(void)state;
	if (getenv("FUNCTION") != NULL)
		call_first(getenv("FUNCTION"));
	judge(situations, 1);
	for (size_t i = 0; i < FUNCTIONS; i++) {
		int ending;

		function_now = functions[i].name;
		ending = in_child(execute);
		if (ending != 0) {
			fprintf(stderr, "# %s: ended with %d (%d: by another system call)\n", function_now, ending, 128 + SIGSYS);
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

/* Functions that aren't tested here, as the comment above says, or that can't be called in this way. */
static bool is_elsewhere(const char *name)
{
	static const char *const elsewhere[] = {
		"rk_process_init", "rk_process_query", "rk_thread_prepare", "rk_thread_register", "rk_thread_unregister",
		"rk_thread_reason", "rk_vfork_begin", "rk_vfork_end", "rk_vfork_run", "rk_vfork_unblock",
		"rk_pin_module",		      /* dl_iterate_phdr(3) and dlopen(3) */
		"rk_rcu_worker_start",		      /* pthread_create(3) */
		"rk_condition_wait",		      /* waits until another thread signals */
		"rk_area_offset", "rk_area_valid", "rk_cid_limit", /* data */
		"rk_gate_add", "rk_gate_enter",
	};

	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
		if (strcmp(name, elsewhere[i]) == 0)
			return true;
	return strncmp(name, "rk_cpu_", 7) == 0 || strncmp(name, "rk_ktls_", 8) == 0 || strncmp(name, "rk_at_", 6) == 0;
}

static void each_function_is_here(void **state)
{
	FILE *map = fopen(MAP, "r");
	int missing = 0, found = 0;
	char line[1024];

	(void)state;
	assert_non_null(map);
	while (fgets(line, sizeof(line), map) != NULL) {
		size_t known = 0;

		line[strcspn(line, "#\n")] = '\0';
		for (char *name = strtok(line, "\t ;"); name != NULL; name = strtok(NULL, "\t ;")) {
			if (strncmp(name, "rk_", 3) != 0 || is_elsewhere(name))
				continue;
			for (known = 0; known < FUNCTIONS && strcmp(functions[known].name, name) != 0; known++)
				;
			found++;
			if (known == FUNCTIONS) {
				fprintf(stderr, "# %s has no row\n", name);
				missing++;
			}
		}
	}
	(void)fclose(map);
	assert_true(found > 100);
	assert_int_equal(missing, 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(each_first_call),
	cmocka_unit_test(each_function_is_here),
};

RUN(tests)
