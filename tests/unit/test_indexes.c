/* SPDX-License-Identifier: MIT */
/*
 * Tests at which indexes an item of per-CPU memory has memory, and that an access at another index faults. An index is a CPU's
 * number or a concurrency id. The memory at an index is a slot. In these tests, the kernel's list of possible CPUs is wrong,
 * sparse or unreadable, or concurrency ids are the indexes.
 */
#include "committed.h"
#include "pools.h"
#include <rseqkit/ops_cid.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>

/*
 * Runs in a child: mounts a file with `text` over the kernel's list of possible CPUs. Returns false if this process
 * isn't allowed to mount.
 */
#define NOT_ALLOWED 77

static bool show_list(const char *text)
{
	char path[64];
	int fd;
	bool shown;

	snprintf(path, sizeof(path), "/tmp/possible.%d", getpid());
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	shown = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && unshare(CLONE_NEWNS) == 0 &&
		     mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
		     mount(path, "/sys/devices/system/cpu/possible", NULL, MS_BIND, NULL) == 0;

	if (fd >= 0) {
		close(fd);
		unlink(path);
	}
	return shown;
}

static int highest_possible(void)
{
	int highest = -1;

	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
		highest = cpu;
	return highest;
}

static int with_too_small_a_list(void)
{
	struct rk_counter *counter;

	if (!show_list("0\n"))
		return NOT_ALLOWED;
	CHECK(rk_cpus_count() >= 64); /* the affinity mask has CPUs that the list lacks, so the library assumes more */
	CHECK(rk_counter_create(&counter) == 0);
	for (int cpu = 0; cpu < sysconf(_SC_NPROCESSORS_CONF); cpu++) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		CHECK(sched_setaffinity(0, sizeof(set), &set) == 0);
		rk_counter_add(counter, 1);
	}
	CHECK(rk_counter_sum(counter) == sysconf(_SC_NPROCESSORS_CONF));
	return 0;
}

/* On a machine with two CPUs, this list has CPUs 0, 1 and 9. Their concurrency ids are 0 to 2. */
static int with_a_sparse_list(void)
{
	struct rk_percpu_options options = {.item_size = 8};
	int cpus = (int)sysconf(_SC_NPROCESSORS_CONF), highest = cpus + 7;
	struct rk_percpu *pool;
	char list[64];
	void *item;

	snprintf(list, sizeof(list), "0-%d,%d\n", cpus - 1, highest);
	if (!show_list(list))
		return NOT_ALLOWED;
	CHECK(rk_cpus_count() == cpus + 1 && highest_possible() == highest);
	CHECK(rk_percpu_create(&pool, &options, sizeof(options)) == 0 && rk_percpu_alloc(pool, &item) == 0);
	for (int index = RK_INDEX_RESERVE; index <= highest; index++) {
		CHECK(*(int64_t *)rk_percpu_slot(item, index) == 0);
		*(int64_t *)rk_percpu_slot(item, index) = index;
	}
	CHECK(committed(rk_percpu_slot(item, cpus + 3), 8) > 0);
	CHECK(rk_percpu_free(pool, item) == 0 && rk_percpu_alloc(pool, &item) == 0);
	for (int index = RK_INDEX_RESERVE; index <= highest; index++)
		CHECK(*(int64_t *)rk_percpu_slot(item, index) == 0);
	return rk_percpu_free(pool, item) == 0 && rk_percpu_destroy(pool) == 0 ? 0 : 1;
}

/*
 * An item has a stride (256 KiB of address space) for each CPU. With this list, there are more strides than a process can have
 * mappings. At allocation, the library therefore writes the initial contents to a page of each stride: 640 MiB in all.
 */
static int with_the_largest_list(void)
{
	static const int initial = 6;
	struct rk_percpu_options options = {.item_size = sizeof(initial), .initial = &initial};
	int count = 20 * 4096 / (int)sysconf(_SC_PAGESIZE);
	struct rk_percpu *pools[20];
	void *items[20];

	if (!show_list("0-8191\n"))
		return NOT_ALLOWED;
	for (int i = 0; i < count; i++) {
		CHECK(rk_percpu_create(&pools[i], &options, sizeof(options)) == 0 && rk_percpu_alloc(pools[i], &items[i]) == 0);
		CHECK(*(int *)rk_percpu_slot(items[i], 0) == 6 && *(int *)rk_percpu_slot(items[i], 8191) == 6);
	}
	for (int i = 0; i < count; i++)
		CHECK(rk_percpu_free(pools[i], items[i]) == 0 && rk_percpu_destroy(pools[i]) == 0);
	return 0;
}

static void bind_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	CHECK(sched_setaffinity(0, sizeof(set), &set) == 0);
}

static volatile bool held;

static void *hold_for_ever(void *lock)
{
	void *data;

	bind_to(0);
	CHECK(rk_lock_here(lock, &data) == 0);
	held = true;
	for (;;)
		pause();
	return NULL;
}

static struct rk_lock *orphan;

static int lock_an_orphan(void)
{
	void *data;

	bind_to(0);
	CHECK(rk_lock_here(orphan, &data) == 0 && data != NULL);
	return rk_lock_release(orphan, data) == 0 ? 0 : 1;
}

/*
 * A CPU that the list lacks can't be fenced. If a thread of the parent holds this CPU's lock at a fork, the child can't take
 * this lock. rk_lock_here() takes the lock at RK_INDEX_OVERFLOW instead.
 */
static int with_a_cpu_left_out(void)
{
	pthread_t thread;

	bind_to(1);
	if (!show_list("1\n"))
		return NOT_ALLOWED;
	CHECK(rk_cpus_count() == 1 && rk_lock_create(&orphan, 8) == 0);
	if (!WITH_RSEQ())
		return 0; /* the lock has one slot for all threads */
	CHECK(pthread_create(&thread, NULL, hold_for_ever, orphan) == 0);
	while (!held)
		usleep(1000);
	CHECK(in_child(lock_an_orphan) == 0);
	return 0;
}

static void wrong_lists(void **state)
{
	static int (*const lists[])(void) = {with_too_small_a_list, with_a_cpu_left_out, with_a_sparse_list, with_the_largest_list};

	(void)state;
	if (SANITIZED)
		SKIP("a sanitizer has its own view of CPUs and memory");
	for (int i = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 0 : 2; i < 4; i++) {
		int ending = in_child(lists[i]);

		if (ending == NOT_ALLOWED)
			SKIP("no right to mount");
		assert_int_equal(ending, 0);
	}
}

/*
 * When the library first looks at the list, no descriptor is free. The library therefore assumes all CPUs that the kernel has
 * room for, and reads the list later.
 */
static int without_descriptors(void)
{
	struct rlimit none = {0, 1024}, some = {1024, 1024};
	struct rk_percpu_options options = {.item_size = 8};
	struct rk_percpu *pools[2];
	void *items[2];

	CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
	CHECK(rk_cpus_count() >= 64);
	CHECK(rk_percpu_create(&pools[0], &options, sizeof(options)) == 0 && rk_percpu_alloc(pools[0], &items[0]) == 0);
	CHECK(rk_cpus_count() >= 64);
	*(int *)rk_percpu_slot(items[0], 63) = 1;
	CHECK(setrlimit(RLIMIT_NOFILE, &some) == 0);
	CHECK(rk_percpu_create(&pools[1], &options, sizeof(options)) == 0 && rk_percpu_alloc(pools[1], &items[1]) == 0);
	CHECK(rk_cpus_count() == sysconf(_SC_NPROCESSORS_CONF));
	*(int *)rk_percpu_slot(items[0], 63) = 2; /* memory that was mapped before stays mapped */
	for (int i = 0; i < 2; i++)
		CHECK(rk_percpu_free(pools[i], items[i]) == 0 && rk_percpu_destroy(pools[i]) == 0);
	return 0;
}

static int reads_the_list(void)
{
	/* sysconf() reads this list too, or counts the CPUs' folders beside it. */
	return rk_cpus_count() == sysconf(_SC_NPROCESSORS_CONF) ? 0 : 1;
}

static void list_later(void **state)
{
	(void)state;
	if (sysconf(_SC_NPROCESSORS_CONF) >= 64)
		SKIP("this test needs fewer than 64 CPUs");
	assert_int_equal(in_child(reads_the_list), 0);
	if (SANITIZED)
		SKIP("a sanitizer needs descriptors itself");
	assert_int_equal(in_child(without_descriptors), 0);
}

static void *by_id;

static void *add_by_id(void *arg)
{
	for (int i = 0; i < 20000; i++) {
		enum rk_result result;

		do
			result = rk_cid_add(by_id, 1);
		while (result == RK_ABORTED);
		if (result != RK_DONE)
			return NULL;
	}
	return arg;
}

/*
 * Concurrency ids are small numbers without gaps. An item has memory up to the highest id that a thread had, however
 * many CPUs are possible.
 */
static void few_strides_by_id(void **state)
{
	enum { THREADS = 6 };
	struct rk_percpu *pool = make(sizeof(intptr_t), NULL, 0);
	pthread_t threads[THREADS];
	intptr_t sum = 0;
	int highest = -1, all_added = 1;

	(void)state;
	by_id = alloc(pool);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add_by_id, &sum), 0);
	for (int i = 0; i < THREADS; i++) {
		void *done;

		pthread_join(threads[i], &done);
		all_added &= done != NULL;
	}
	for (int id = 0; id < rk_cpus_count(); id++) {
		struct rk_percpu_report stats;

		assert_int_equal(rk_percpu_query(pool, id, &stats, sizeof(stats)), 0);
		if (stats.committed == 0)
			continue;
		/* This slot's value is 0 if a thread made room for this id, but had another id when it added. */
		sum += *(intptr_t *)rk_percpu_slot(by_id, id);
		highest = id;
	}
	destroy(pool, by_id);
	if (!all_added)
		SKIP("no concurrency ids, or a build without critical sections");
	assert_int_equal(sum, THREADS * 20000);
	assert_true(highest <= THREADS); /* not THREADS - 1, because the initial thread may have had a lower id */
}

/* An access by an index without memory faults, whatever is mapped next to the item. */
static void *touched;
static int touched_index;

static int touch(void)
{
	signal(SIGSEGV, SIG_DFL); /* removes the test runner's handler */
	*(volatile char *)rk_percpu_slot(touched, touched_index) = 1;
	return 0;
}

static void beyond_the_last(void **state)
{
	int end = indexes_with_addresses();
	struct rk_percpu *pools[3];
	void *items[3];

	(void)state;
	if (SANITIZED)
		SKIP("with a sanitizer, such a process ends differently");
	if (sizeof(void *) < 8)
		SKIP("32-bit processes don't reserve addresses of indexes without memory");
	for (int i = 0; i < 3; i++) {
		pools[i] = make(8, NULL, 0);
		items[i] = alloc(pools[i]);
	}
	for (int i = 0; i < 3; i++) {
		touched = items[i];
		for (touched_index = highest_possible() + 1; touched_index < end; touched_index = 2 * touched_index + 1)
			assert_int_equal(in_child(touch), 128 + SIGSEGV);
	}
	for (int i = 0; i < 3; i++)
		destroy(pools[i], items[i]);
}

/* Limits this process's address space to `room` bytes more than it has now. Returns false if that can't be done. */
static bool limit_space(rlim_t room)
{
	struct rlimit limit;
	FILE *size = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	if (size == NULL || fscanf(size, "%lu", &pages) != 1)
		return false;
	limit.rlim_cur = limit.rlim_max = pages * (rlim_t)sysconf(_SC_PAGESIZE) + room;
	return setrlimit(RLIMIT_AS, &limit) == 0;
}

/* If there is little address space, the library reserves less of it for indexes without memory. Pools still work. */
static int with_little_address_space(void)
{
	struct rk_percpu_options options = {.item_size = 8};
	struct rk_percpu *pool;
	void *item;

	CHECK(limit_space((rlim_t)1 << 30));
	CHECK(rk_percpu_create(&pool, &options, sizeof(options)) == 0 && rk_percpu_alloc(pool, &item) == 0);
	*(int *)rk_percpu_slot(item, highest_possible()) = 1;
	return rk_percpu_free(pool, item) == 0 && rk_percpu_destroy(pool) == 0 ? 0 : 1;
}

static void little_address_space(void **state)
{
	(void)state;
	if (SANITIZED)
		SKIP("a sanitizer's own memory counts as well");
	assert_int_equal(in_child(with_little_address_space), 0);
}

/* Limits the address space to twice what eight pools need, and `more` bytes. The pools must leave room for other mappings. */
static int with_limit(rlim_t more)
{
	rlim_t room = more + 16 * ((rlim_t)highest_possible() + 3) * RK_STRIDE;
	struct rk_percpu_options options = {.item_size = 8};
	struct rk_percpu *pool;
	void *item;

	CHECK(limit_space(room));
	for (int i = 0; i < 8; i++)
		CHECK(rk_percpu_create(&pool, &options, sizeof(options)) == 0 && rk_percpu_alloc(pool, &item) == 0);
	CHECK(mmap(NULL, room / 4, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
	return 0;
}

static int with_32_mib(void)
{
	return with_limit((rlim_t)32 << 20);
}

static int with_150_mib(void)
{
	return with_limit((rlim_t)150 << 20);
}

static int with_2_gib(void)
{
	return with_limit((rlim_t)2 << 30);
}

static void limited_address_space(void **state)
{
	(void)state;
	if (SANITIZED)
		SKIP("a sanitizer's own memory counts as well");
	assert_int_equal(in_child(with_32_mib), 0);
	assert_int_equal(in_child(with_150_mib), 0);
	assert_int_equal(in_child(with_2_gib), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(list_later), /* must run first, before the library has read the list */
	cmocka_unit_test(wrong_lists),
	cmocka_unit_test(few_strides_by_id),
	cmocka_unit_test(beyond_the_last),
	cmocka_unit_test(little_address_space),
	cmocka_unit_test(limited_address_space),
};

RUN(tests)
