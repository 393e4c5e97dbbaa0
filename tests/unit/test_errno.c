/* SPDX-License-Identifier: MIT */
/*
 * Tests that errno stays as the caller left it, even if the library calls a function of the C library that fails.
 * Handlers rely on this.
 */
#include "test.h"
#include "../../src/os/kernel.h"
#include <sys/mman.h>

static bool refused, fine_refused, memory_refused, maps_refused;

int sched_getcpu(void)
{
	unsigned cpu = 0;

	if (refused)
		errno = EPERM;
	return refused || syscall(SYS_getcpu, &cpu, NULL, NULL) != 0 ? -1 : (int)cpu;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
	bool fails = refused || (fine_refused && clock == CLOCK_MONOTONIC);

	if (fails)
		errno = EPERM;
	return fails ? -1 : (int)syscall(SYS_clock_gettime, clock, time);
}

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	if (maps_refused)
		errno = ENOMEM;
	long mapped = maps_refused || offset != 0 ? -1 : rk_kernel_map_at(address, size, protection, flags, fd);

	if (!maps_refused && RK_MAP_FAILED(mapped))
		errno = (int)-mapped;
	return RK_MAP_FAILED(mapped) ? MAP_FAILED : (void *)mapped;
}

/* Fails as if the process had all the mappings that it is allowed, so that no mapping can be split. */
int munmap(void *address, size_t size)
{
	if (memory_refused)
		errno = ENOMEM;
	return memory_refused ? -1 : (int)syscall(SYS_munmap, address, size);
}

int madvise(void *address, size_t size, int advice)
{
	if (memory_refused)
		errno = EINVAL;
	return memory_refused ? -1 : (int)syscall(SYS_madvise, address, size, advice);
}

static void the_cpu_of_a_thread_without_rseq(void **state)
{
	int opened = rk_vfork_begin(), cpu;

	(void)state;
	refused = true;
	errno = 0;
	cpu = rk_cpu();
	refused = false;
	assert_int_equal(errno, 0);
	assert_true(cpu >= 0);
	if (opened == 0)
		assert_int_equal(rk_vfork_end(), 0);
}

static void limits_of_time(void **state)
{
	struct rk_lock *lock;
	void *data;
	int r;

	(void)state;
	assert_int_equal(rk_lock_create(&lock, 8), 0);
	refused = true;
	errno = 0;
	r = rk_lock_cpu_for(lock, RK_INDEX_OVERFLOW, 1000, &data);
	refused = false;
	assert_int_equal(errno, 0);
	assert_int_equal(r, 0);
	assert_int_equal(rk_lock_release(lock, data), 0);
	assert_int_equal(rk_lock_destroy(lock), 0);
}

static void leave_alone(void *context, void *object)
{
	(void)context;
	(void)object;
}

/* Makes a call while functions for memory fail. Checks that errno stays 0. */
#define STAYS(call)                                                                                                    \
	do {                                                                                                           \
		bool stays_;                                                                                           \
                                                                                                                       \
		memory_refused = true;                                                                                 \
		errno = 0;                                                                                             \
		(void)(call);                                                                                          \
		stays_ = errno == 0;                                                                                   \
		memory_refused = false;                                                                                \
		assert_true(stays_);                                                                                   \
	} while (0)

static void memory_that_is_not_given_back(void **state)
{
	struct rk_percpu_options options = {.item_size = 3 * RK_STRIDE}, small = {.item_size = 64};
	struct rk_cache_options cache_options = {.destruct = leave_alone};
	struct rk_ring_options ring_options = {0};
	struct rk_percpu *pool;
	struct rk_cache *cache;
	struct rk_ring *ring;
	void *item;

	(void)state;
	assert_int_equal(rk_percpu_create(&pool, &options, sizeof(options)), 0);
	assert_int_equal(rk_percpu_alloc(pool, &item), 0);
	STAYS(rk_percpu_free(pool, item));
	STAYS(rk_percpu_trim(pool));
	STAYS(rk_percpu_destroy(pool));
	STAYS(rk_percpu_create(&pool, &small, sizeof(small)));
	STAYS(rk_percpu_alloc(pool, &item));
	STAYS(rk_percpu_free(pool, item));
	STAYS(rk_percpu_destroy(pool));
	assert_int_equal(rk_cache_create(&cache, &cache_options, sizeof(cache_options)), 0);
	STAYS(rk_cache_destroy(cache));
	assert_int_equal(rk_ring_create(&ring, &ring_options, sizeof(ring_options)), 0);
	STAYS(rk_ring_destroy(ring));
}

static void histograms_have_snapshots(void **state)
{
	struct rk_histogram *histogram;
	struct rk_histogram_snapshot *snapshot;

	(void)state;
	assert_int_equal(rk_histogram_create(&histogram, 5, 1000), 0);
	maps_refused = true;
	errno = 0;
	assert_int_equal(rk_histogram_snapshot_create(&snapshot, histogram), -ENOMEM);
	maps_refused = false;
	assert_int_equal(errno, 0);
	assert_null(snapshot);
	assert_int_equal(rk_histogram_snapshot_create(&snapshot, histogram), 0);
	STAYS(rk_histogram_snapshot_destroy(snapshot));
	assert_int_equal(rk_histogram_destroy(histogram), 0);
}

#ifdef __GLIBC__
/* Creating a thread fails, because no address space has room for such a stack. */
static void threads_that_cannot_be_created(void **state)
{
	struct rk_rcu *rcu;
	pthread_attr_t usual, huge;

	(void)state;
	assert_int_equal(rk_rcu_create(&rcu, 0), 0);
	assert_int_equal(pthread_getattr_default_np(&usual), 0);
	assert_int_equal(pthread_attr_init(&huge), 0);
	assert_int_equal(pthread_attr_setstacksize(&huge, SIZE_MAX / 8 * 7 & ~(size_t)0xfffff), 0);
	assert_int_equal(pthread_setattr_default_np(&huge), 0);
	errno = 0;
	assert_int_equal(rk_rcu_worker_start(rcu), -EAGAIN);
	assert_int_equal(errno, 0);
	assert_int_equal(rk_rcu_worker_stop(rcu), -EALREADY);
	assert_int_equal(pthread_setattr_default_np(&usual), 0);
	assert_int_equal(rk_rcu_worker_start(rcu), 0);
	assert_int_equal(rk_rcu_worker_stop(rcu), 0);
	assert_int_equal(rk_rcu_destroy(rcu), 0);
}
#endif

static int wait_in_vain(void)
{
	static struct rk_mutex mutex;

	alarm(60);
	fine_refused = true;
	CHECK(rk_mutex_lock(&mutex) == 0);
	CHECK(rk_mutex_lock_for(&mutex, 20000000) == -ETIMEDOUT);
	return 0;
}

/*
 * Only CLOCK_MONOTONIC fails. This is how a seccomp filter works on a machine where reading this clock takes a system
 * call, but reading the coarse clock doesn't.
 */
static void limits_end_by_the_coarse_clock(void **state)
{
	(void)state;
	assert_int_equal(in_child(wait_in_vain), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(the_cpu_of_a_thread_without_rseq),
	cmocka_unit_test(limits_of_time),
	cmocka_unit_test(memory_that_is_not_given_back),
	cmocka_unit_test(histograms_have_snapshots),
#ifdef __GLIBC__
	cmocka_unit_test(threads_that_cannot_be_created),
#endif
	cmocka_unit_test(limits_end_by_the_coarse_clock),
};

RUN(tests)
