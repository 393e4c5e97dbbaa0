/* SPDX-License-Identifier: MIT */
/* test_filter_structures.c - tests that per-CPU memory and data structures make only the system calls that thread.h documents. */
#include "filtered.h"
#include <sys/eventfd.h>

static const int creating[] = {SYS_mmap, SYS_mprotect, SYS_munlock, SYS_madvise, SYS_munmap, SYS_prlimit64, -1};
static const int creating_with_contents[] = {SYS_memfd_create, SYS_ftruncate, SYS_close, -1};
static const int fencing[] = {SYS_membarrier, -1};
static const int fencing_undisturbed[] = {SYS_membarrier, SYS_rt_sigprocmask, -1};
static const int waiting[] = {SYS_futex, SYS_membarrier, -1};
static const int waking[] = {SYS_futex, SYS_get_robust_list, SYS_gettid, -1};
static const int telling[] = {SYS_write, -1};
static const int requesting[] = {SYS_get_robust_list, SYS_gettid, SYS_prctl, 471 /* rseq_slice_yield */, -1};
static const int counting_memory[] = {SYS_openat, SYS_pread64, SYS_close, SYS_rt_sigprocmask, -1};

static struct rk_counter *counter;

/* Allocates until the pool has a second range of address space, then frees everything. */
static int create(const void *initial)
{
	struct rk_percpu_options options = {.item_size = RK_STRIDE / 2, .initial = initial};
	struct rk_percpu *pool;
	void *items[3];

	(void)rk_process_init();
	allow_only(creating, initial != NULL ? creating_with_contents : NULL, NULL, 0);
	if (rk_counter_create(&counter) != 0 || rk_counter_destroy(counter) != 0)
		return 1;
	if (rk_percpu_create(&pool, &options, sizeof(options)) != 0)
		return 2;
	for (int i = 0; i < 3; i++)
		if (rk_percpu_alloc(pool, &items[i]) != 0)
			return 3;
	for (int i = 0; i < 3; i++)
		if (rk_percpu_free(pool, items[i]) != 0)
			return 4;
	return rk_percpu_destroy(pool) == 0 ? 0 : 5;
}

static int create_zeros(void)
{
	return create(NULL);
}

static int create_with_contents(void)
{
	static const char initial[RK_STRIDE / 2] = "contents";

	return create(initial);
}

static int nothing(void *context, const struct rk_ring_record *record)
{
	(void)context;
	return record == NULL;
}

static void forget(void *context, void *object)
{
	(void)context;
	(void)object;
}

/* Stays on this CPU, so that a pop finds what a push stored. */
static void stay(void)
{
	pin(sched_getcpu());
}

/*
 * Uses a free list, a cache, a ring, a counter group and a histogram. The filter allows the system calls of creating and
 * destroying, of locking (claims) and of fences.
 */
static int structures(void)
{
	struct rk_cache_options objects = {.destruct = forget};
	struct rk_ring_options records = {.size = 8192};
	struct rk_freelist_node node;
	struct rk_freelist *list;
	struct rk_cache *cache;
	struct rk_ring *ring;
	struct rk_counter_group *group;
	struct rk_histogram *histogram;
	int64_t counts[2];

	(void)rk_process_init();
	stay();
	allow_only(creating, fencing, claiming, 0);
	if (rk_freelist_create(&list) != 0 || rk_cache_create(&cache, &objects, sizeof(objects)) != 0 ||
	    rk_ring_create(&ring, &records, sizeof(records)) != 0 ||
	    rk_counter_group_create(&group, NULL, 2) != 0 || rk_histogram_create(&histogram, 2, 100) != 0)
		return 1;
	rk_freelist_push(list, &node);
	rk_cache_put(cache, counts);
	rk_counter_group_add(group, 1, 5);
	rk_histogram_record(histogram, 7);
	if (rk_freelist_pop(list) != &node || rk_cache_get(cache) != counts || rk_ring_write(ring, "", 1) != 0)
		return 2;
	(void)rk_counter_group_read(group, counts, 2);
	(void)rk_ring_merge(ring, nothing, NULL);
	(void)rki_ring_write_slow(ring, "", 1, 0, RK_NO_RSEQ);
	if (rk_freelist_destroy(list, NULL) != 0 || rk_cache_destroy(cache) != 0 || rk_ring_destroy(ring) != 0 ||
	    rk_counter_group_destroy(group) != 0 || rk_histogram_destroy(histogram) != 0)
		return 3;
	return 0;
}

static void do_nothing(struct rk_rcu_call *call)
{
	(void)call;
}

static int read_and_replace(void)
{
	struct rk_rcu *rcu;
	struct rk_rcu_call call;
	struct rk_rcu_section *section;

	(void)rk_process_init();
	allow_only(creating, fencing_undisturbed, claiming, 0);
	if (rk_rcu_create(&rcu, 0) != 0)
		return 1;
	rk_rcu_read_lock(rcu, &section);
	rk_rcu_read_unlock(rcu, section);
	if (rk_rcu_synchronize(rcu) != 0 || rk_rcu_defer(rcu, &call, do_nothing) != 0 || rk_rcu_barrier(rcu) != 0)
		return 2;
	return rk_rcu_run(rcu, 1000000) == 0 && rk_rcu_destroy(rcu) == 0 ? 0 : 3;
}

static int lock_and_unlock(void)
{
	struct rk_rwlock_section *section;
	struct rk_rwlock *lock;

	(void)rk_process_init();
	allow_only(creating, fencing_undisturbed, claiming, 0);
	if (rk_rwlock_create(&lock, 0) != 0 || rk_rwlock_read_lock(lock, &section) != 0)
		return 1;
	if (rk_rwlock_write_lock_try(lock) != -EBUSY || rk_rwlock_write_lock_for(lock, 1000000) != -ETIMEDOUT)
		return 2;
	rk_rwlock_read_unlock(lock, section);
	if (rk_rwlock_write_lock(lock) != 0 || rk_rwlock_read_lock_try(lock, &section) != -EBUSY)
		return 3;
	return rk_rwlock_write_unlock(lock) == 0 && rk_rwlock_destroy(lock) == 0 ? 0 : 4;
}

static int lock_here_and_elsewhere(void)
{
	struct rk_lock *lock;
	void *data, *more;
	int index;

	(void)rk_process_init();
	stay();
	allow_only(creating, fencing_undisturbed, claiming, 0);
	if (rk_lock_create(&lock, 8) != 0 || rk_lock_here(lock, &data) != 0)
		return 1;
	index = rk_lock_index(lock, data);
	if (rk_lock_cpu_try(lock, index, &more) != -EBUSY || rk_lock_release(lock, data) != 0)
		return 2;
	if (rk_lock_cpu(lock, index, &data) != 0 || rk_lock_here_for(lock, 1000000, &more) != -EDEADLK)
		return 3;
	return rk_lock_release(lock, data) == 0 && rk_lock_destroy(lock) == 0 ? 0 : 4;
}

static int released;

static void release(struct rk_ref *ref)
{
	(void)ref;
	released++;
}

static int refer(void)
{
	struct rk_ref ref;

	(void)rk_process_init();
	allow_only(creating, fencing, NULL, 0);
	if (rk_ref_init(&ref, release) != 0)
		return 1;
	rk_ref_get(&ref);
	if (rk_ref_get_try(&ref) != 0 || rk_ref_kill(&ref) != 0)
		return 2;
	rk_ref_put(&ref);
	rk_ref_put(&ref);
	return released == 1 ? 0 : 3;
}

static int request_time(void)
{
	struct rk_condition condition = RK_CONDITION_INIT;
	struct rk_mutex mutex = RK_MUTEX_INIT;

	(void)rk_process_init();
	allow_only(requesting, waiting, claiming, 0);
	for (int i = 0; i < 1000; i++)
		rk_slice_end(rk_slice_begin());
	(void)rk_slice_enable();
	(void)rk_slice_thread_reason();
	if (rk_mutex_lock(&mutex) != 0 || rk_mutex_lock_for(&mutex, 1000) != -ETIMEDOUT)
		return 1;
	if (rk_condition_wait_for(&condition, &mutex, 1000) != -ETIMEDOUT || rk_mutex_unlock(&mutex) != 0)
		return 2;
	rk_condition_signal(&condition);
	return 0;
}

static int wait_for_records(void)
{
	struct rk_ring_options options = {.size = 8192};
	struct rk_ring *ring;

	CHECK(rk_ring_create(&ring, &options, sizeof(options)) == 0);
	allow_only(waiting, claiming, NULL, 0);
	if (rk_ring_notify(ring, STDERR_FILENO) != 0 || rk_ring_notify(ring, -1) != 0)
		return 1;
	(void)rk_ring_wait_for(ring, 1000);
	(void)rk_ring_arm(ring);
	return 0;
}

/*
 * The write is the thread's first operation that locks memory, so it makes the system calls for the thread's number, by which
 * the library knows the holder.
 */
static int wake(void)
{
	struct rk_ring_options options = {.size = 8192};
	struct rk_ring *ring;

	CHECK(rk_ring_create(&ring, &options, sizeof(options)) == 0);
	(void)rk_ring_arm(ring);
	allow_only(waking, rk_thread_reason() == RK_REASON_NONE ? NULL : claiming, NULL, 0);
	return rk_ring_write(ring, "", 1);
}

static int tell(void)
{
	struct rk_ring_options options = {.size = 8192};
	struct rk_ring *ring;
	int fd = eventfd(0, EFD_NONBLOCK);

	CHECK(rk_ring_create(&ring, &options, sizeof(options)) == 0 && rk_ring_notify(ring, fd) == 0);
	(void)rk_ring_arm(ring);
	allow_only(waking, telling, rk_thread_reason() == RK_REASON_NONE ? NULL : claiming, 0);
	return rk_ring_write(ring, "", 1);
}

/* Counts and reads statistics after a sandbox was closed. Only reads as a cut, and resets of groups, make system calls. */
static int read_statistics_by(bool cut)
{
	static const int none[] = {-1};
	struct rk_histogram_snapshot *snapshot;
	struct rk_counter_group *group;
	struct rk_histogram *histogram;
	struct rk_rate rate = {0};
	struct rk_level *level;
	struct rk_peak *peak;
	int64_t values[2], value;

	CHECK(rk_counter_create(&counter) == 0 && rk_counter_group_create(&group, NULL, 2) == 0 && rk_peak_create(&peak) == 0 &&
	      rk_level_create(&level, 10) == 0 && rk_histogram_create(&histogram, 2, 100) == 0 &&
	      rk_histogram_snapshot_create(&snapshot, histogram) == 0);
	(void)rk_thread_prepare();
	allow_only(cut ? fencing : none, cut ? claiming : NULL, NULL, 0);
	rk_counter_add(counter, 1);
	rk_counter_group_add(group, 1, 5);
	rk_histogram_record(histogram, 7);
	rk_peak_record_max(peak, 7);
	rk_peak_record_min(peak, 7);
	rk_level_add(level, 100);
	if (rk_counter_sum(counter) != 1 || rk_counter_reset(counter) != 1)
		return 1;
	if (rk_counter_group_read_relaxed(group, values, 2) != 0 || values[1] != 5)
		return 2;
	if (rk_histogram_read_relaxed(histogram, snapshot) != 0 || snapshot->count != 1)
		return 3;
	if (rk_peak_max(peak, &value) != 0 || rk_peak_max_reset(peak, &value) != 0 || rk_peak_min_reset(peak, &value) != 0)
		return 4;
	if (rk_level_get(level) != 100 || rk_level_peak(level) < 90 || rk_level_peak_reset(level) < 90)
		return 5;
	rk_rate_note(&rate, 1, 1);
	if (rk_rate_events(&rate, 1, NULL) != 0)
		return 6;
	if (cut) {
		(void)rk_counter_group_read(group, values, 2);
		(void)rk_counter_group_reset(group, values, 2);
		(void)rk_histogram_read(histogram, snapshot);
		(void)rk_histogram_reset(histogram, snapshot);
	}
	return 0;
}

static int read_statistics(void)
{
	return read_statistics_by(false);
}

static int read_cuts(void)
{
	return read_statistics_by(true);
}

static int count_memory(void)
{
	struct rk_percpu_options options = {.item_size = 64};
	struct rk_percpu_report report;
	struct rk_percpu *pool;

	CHECK(rk_percpu_create(&pool, &options, sizeof(options)) == 0);
	allow_only(counting_memory, NULL, NULL, 0);
	return rk_percpu_query(pool, RK_INDEX_ALL, &report, sizeof(report));
}

static void system_calls_are_those_documented(void **state)
{
	static const struct situation situations[] = {
		ANOTHER_CALL,
		{"creating and destroying", create_zeros, 0},
		{"the same with initial contents", create_with_contents, 0},
		{"structures", structures, 0},
		{"read-copy-update", read_and_replace, 0},
		{"locks", lock_and_unlock, 0},
		{"locks of CPUs", lock_here_and_elsewhere, 0},
		{"references", refer, 0},
		{"regions of time", request_time, 0},
		{"waiting for a ring", wait_for_records, 0},
		{"waking the thread that waits for a record", wake, 0},
		{"notifying the thread that waits for a record", tell, 0},
		{"statistics", read_statistics, 0},
		{"statistics as a cut", read_cuts, 0},
		{"statistics of memory", count_memory, 0},
	};

	(void)state;
	judge(situations, sizeof(situations) / sizeof(situations[0]));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(system_calls_are_those_documented),
};

RUN(tests)
