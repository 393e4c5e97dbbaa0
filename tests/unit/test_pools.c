/* SPDX-License-Identifier: MIT */
/*
 * Per-CPU memory where it is unusual: many ranges, large items, closable ones, children that begin at zero, memory given
 * back, what pools say of themselves; lists of CPUs that are wrong, sparse, or can't be read.
 */
#include "committed.h"
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#elif __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#endif

static struct rk_percpu *make(size_t size, const void *initial, unsigned flags)
{
	struct rk_percpu_options options = {size, 0, initial, flags};
	struct rk_percpu *pool;

	assert_int_equal(rk_percpu_create(&pool, &options), 0);
	return pool;
}

__attribute__((__noinline__)) static void *alloc(struct rk_percpu *pool)
{
	void *item;

	assert_int_equal(rk_percpu_alloc(pool, &item), 0);
	return item;
}

static void destroy(struct rk_percpu *pool, void *item)
{
	assert_int_equal(rk_percpu_free(pool, item), 0);
	assert_int_equal(rk_percpu_destroy(pool), 0);
}

/* More ranges than a block of the table has: every item is another, is found, and is handed out again. */
static void many_ranges(void **state)
{
	enum { ITEMS = 700 };
	struct rk_percpu *pool = make(RK_STRIDE, NULL, 0);
	static void *items[ITEMS];

	(void)state;
	if (getenv("UNDER_VALGRIND") != NULL)
		SKIP("valgrind has not so many mappings");
	for (int i = 0; i < ITEMS; i++) {
		items[i] = alloc(pool);
		*(int *)rk_percpu_slot(items[i], 0) = i;
	}
	for (int i = 0; i < ITEMS; i++)
		assert_int_equal(*(int *)rk_percpu_slot(items[i], 0), i);
	for (int i = 0; i < ITEMS; i += 7)
		assert_int_equal(rk_percpu_free(pool, items[i]), 0);
	for (int i = 0; i < ITEMS; i += 7) {
		items[i] = alloc(pool);
		assert_int_equal(*(int *)rk_percpu_slot(items[i], 0), 0);
		*(int *)rk_percpu_slot(items[i], 0) = i;
	}
	for (int i = 0; i < ITEMS; i++) {
		assert_int_equal(*(int *)rk_percpu_slot(items[i], 0), i);
		assert_int_equal(rk_percpu_free(pool, items[i]), 0);
		assert_int_equal(rk_percpu_free(pool, items[i]), -EINVAL);
	}
	assert_int_equal(rk_percpu_destroy(pool), 0);
}

/* Initial contents don't use up the process's mappings, whatever the number of pools. */
static void bounded_mappings(void **state)
{
	enum { POOLS = 3000 };
	static struct rk_percpu *pools[POOLS];
	static void *items[POOLS];
	static const int initial = 77;
	FILE *maps;
	int lines = 0, c;

	(void)state;
	if (getenv("UNDER_VALGRIND") != NULL || SANITIZED)
		SKIP("valgrind and sanitizers have not so many mappings");
	for (int i = 0; i < POOLS; i++) {
		pools[i] = make(sizeof(initial), &initial, 0);
		items[i] = alloc(pools[i]);
		for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
			assert_int_equal(*(int *)rk_percpu_slot(items[i], cpu), initial);
	}
	maps = fopen("/proc/self/maps", "r");
	assert_non_null(maps);
	while ((c = fgetc(maps)) != EOF)
		lines += c == '\n';
	fclose(maps);
	assert_true(lines < 4096 + 5 * POOLS);
	for (int i = 0; i < POOLS; i++)
		destroy(pools[i], items[i]);
	/* And those that are gone count no more. */
	pools[0] = make(sizeof(initial), &initial, 0);
	items[0] = alloc(pools[0]);
	assert_int_equal(committed(rk_percpu_slot(items[0], 0), 1), 0);
	destroy(pools[0], items[0]);
}

static void large_items(void **state)
{
	enum { SIZE = 1000000 };
	static char initial[SIZE] = "begins";
	char *first = NULL;

	(void)state;
	for (int with = 0; with < 2; with++) {
		struct rk_percpu *pool = make(SIZE, with ? initial : NULL, 0);
		void *items[3];

		for (int k = 0; k < 3; k++) {
			items[k] = alloc(pool);
			for (int i = RK_INDEX_RESERVE; i <= rk_cpus_next(-1); i++) {
				char *memory = *(char **)rk_percpu_slot(items[k], i);

				assert_memory_equal(memory, with ? "begins" : "\0\0\0\0\0", 6);
				memset(memory, 16 * k + i + 3, SIZE);
			}
			first = *(char **)rk_percpu_slot(items[k], 0);
			if (world_has_rseq() && RK_HAVE_SECTIONS) {
				enum rk_result result;

				do
					result = rk_cpu_add_through(items[k], 8, 1);
				while (result == RK_ABORTED);
				assert_int_equal(result, RK_DONE);
			}
		}
		for (int k = 0; k < 3; k++) {
			char *memory = *(char **)rk_percpu_slot(items[k], RK_INDEX_OVERFLOW);

			assert_int_equal(memory[0], 16 * k + 2);
			assert_int_equal(memory[SIZE - 1], 16 * k + 2);
		}
		assert_int_equal(rk_percpu_free(pool, items[2]), 0);
		assert_int_equal(rk_percpu_free(pool, items[2]), -EINVAL);
		items[2] = alloc(pool);
		first = *(char **)rk_percpu_slot(items[2], 0);
		assert_int_equal(*first, with ? 'b' : '\0');
		for (int k = 0; k < 3; k++)
			assert_int_equal(rk_percpu_free(pool, items[k]), 0);
		assert_int_equal(rk_percpu_destroy(pool), 0);
	}
}

static void closable(void **state)
{
	static const intptr_t initial = 40;

	(void)state;
	for (int with = 0; with < 2; with++) {
		struct rk_percpu *pool = make(sizeof(intptr_t), with ? &initial : NULL, RK_PERCPU_CLOSABLE);
		struct rk_percpu *plain = make(sizeof(intptr_t), NULL, 0);
		void *item = alloc(pool), *bank;
		int cpu = rk_cpus_next(-1);

		assert_null(rk_percpu_bank(plain, item, 0, 0));
		assert_null(rk_percpu_bank(pool, item, 0, 2));
		assert_int_equal(rk_percpu_open(plain, item, cpu), -EINVAL);
		assert_ptr_equal(rk_percpu_spare(pool, item, cpu), rk_percpu_bank(pool, item, cpu, 0));
		assert_int_equal(rk_percpu_open(pool, item, cpu), 0);
		assert_int_equal(rk_percpu_open(pool, item, cpu), -EEXIST);
		assert_ptr_equal(rk_percpu_spare(pool, item, cpu), rk_percpu_bank(pool, item, cpu, 1));
		assert_int_equal(rk_bank_begin(item, cpu), 0);
		assert_int_equal(rk_bank_take(item, cpu, rk_percpu_spare(pool, item, cpu), &bank), 0);
		assert_ptr_equal(bank, rk_percpu_bank(pool, item, cpu, 0));
		assert_int_equal(*(intptr_t *)bank, with ? 40 : 0);
		assert_ptr_equal(rk_percpu_spare(pool, item, cpu), bank);
		assert_int_equal(*(intptr_t *)rk_percpu_bank(pool, item, cpu, 1), with ? 40 : 0);
		*(intptr_t *)bank = 5;
		assert_int_equal(rk_bank_done(item, cpu), 0);
		assert_int_equal(rk_percpu_free(pool, item), 0);
		/* Closed, with initial contents, when it is handed out again. */
		item = alloc(pool);
		assert_int_equal(rk_percpu_open(pool, item, cpu), 0);
		assert_int_equal(*(intptr_t *)rk_percpu_bank(pool, item, cpu, 0), with ? 40 : 0);
		destroy(pool, item);
		assert_int_equal(rk_percpu_destroy(plain), 0);
	}
}

/* Items of whole pages, handed out again: as new on every CPU. */
static void reused_pages(void **state)
{
	static char initial[RK_STRIDE];

	(void)state;
	memset(initial, 'i', sizeof(initial));
	for (int i = 0; i < 4; i++) {
		size_t size = i < 2 ? 16384 : RK_STRIDE;
		struct rk_percpu *pool = make(size, i % 2 ? initial : NULL, 0);
		void *item = alloc(pool), *again;

		for (int index = RK_INDEX_RESERVE; index <= rk_cpus_next(-1); index++)
			memset(rk_percpu_slot(item, index), 'x', size);
		assert_int_equal(rk_percpu_free(pool, item), 0);
		again = alloc(pool);
		assert_ptr_equal(again, item);
		for (int index = RK_INDEX_RESERVE; index <= rk_cpus_next(-1); index++)
			for (size_t at = 0; at < size; at += 511)
				assert_int_equal(((char *)rk_percpu_slot(item, index))[at], i % 2 ? 'i' : '\0');
		destroy(pool, again);
	}
}

static struct rk_percpu *inherited;
static void *inherited_item;

static int reads_zero(void)
{
	struct rk_percpu_report stats;
	void *more;

	for (int i = RK_INDEX_RESERVE; i <= 0; i++)
		CHECK(*(intptr_t *)rk_percpu_slot(inherited_item, i) == 0);
	*(intptr_t *)rk_percpu_slot(inherited_item, 0) = 5;
	CHECK(rk_percpu_check(inherited, NULL, NULL) == 0);
	CHECK(rk_percpu_alloc(inherited, &more) == 0 && more != inherited_item);
	CHECK(rk_percpu_stats(inherited, RK_INDEX_ALL, &stats, sizeof(stats)) == 0 && stats.items == 2);
	return 0;
}

static void empty_in_children(void **state)
{
	(void)state;
	for (unsigned debug = 0; debug <= RK_PERCPU_DEBUG; debug++) {
		void *freed;

		inherited = make(sizeof(intptr_t), NULL, RK_PERCPU_EMPTY_IN_CHILDREN | debug);
		inherited_item = alloc(inherited);
		freed = alloc(inherited);
		for (int i = RK_INDEX_RESERVE; i <= 0; i++)
			*(intptr_t *)rk_percpu_slot(inherited_item, i) = 9;
		assert_int_equal(rk_percpu_free(inherited, freed), 0);
		assert_int_equal(in_child(reads_zero), 0);
		assert_int_equal(*(intptr_t *)inherited_item, 9);
		destroy(inherited, inherited_item);
	}
}

/* Pages of free items only, and nobody else's. */
static void given_back(void **state)
{
	static const size_t sizes[] = {8, 100, 4096, 5000, 20000};
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char initial[20000];

	(void)state;
	memset(initial, 'i', sizeof(initial));
	for (size_t s = 0; s < 2 * sizeof(sizes) / sizeof(sizes[0]); s++) {
		size_t size = sizes[s / 2], count = RK_STRIDE / size;
		struct rk_percpu *pool = make(size, s % 2 ? initial : NULL, 0);
		char **items = calloc(count, sizeof(*items)), expected = s % 2 ? 'i' : '\0';
		void *item;

		assert_non_null(items);
		for (size_t i = 0; i < count; i++) {
			items[i] = alloc(pool);
			memset(items[i], 'x', size);
			memset(rk_percpu_slot(items[i], RK_INDEX_OVERFLOW), 'x', size);
		}
		assert_int_equal(rk_percpu_trim(pool), 0);
		assert_true(committed(items[0], RK_STRIDE / page * page) >= count * size / page * page);
		for (size_t i = 1; i < count; i++)
			assert_int_equal(rk_percpu_free(pool, items[i]), 0);
		assert_true(committed(items[0], RK_STRIDE) >= count * size / page * page);
		assert_int_equal(rk_percpu_trim(pool), 0);
		assert_true(committed(items[0], RK_STRIDE) <= (size / page + 2) * page);
		assert_true(committed(rk_percpu_slot(items[0], RK_INDEX_OVERFLOW), RK_STRIDE) <= (size / page + 2) * page);
		for (size_t at = 0; at < size; at++)
			assert_int_equal(items[0][at], 'x');
		/* What is handed out again is as new, and all of them are there. */
		for (size_t i = 1; i < count; i++) {
			item = alloc(pool);
			for (size_t at = 0; at < size; at += 97)
				assert_int_equal(((char *)item)[at], expected);
			assert_int_equal(*(char *)rk_percpu_slot(item, RK_INDEX_OVERFLOW), expected);
			items[i] = item;
		}
		for (size_t i = 0; i < count; i++)
			assert_int_equal(rk_percpu_free(pool, items[i]), 0);
		free(items);
		assert_int_equal(rk_percpu_destroy(pool), 0);
	}
	assert_int_equal(rk_percpu_trim(NULL), -EINVAL);
}

static struct rk_percpu *trimmed;
static int stopping;

static void *trim_until_stopped(void *arg)
{
	while (!__atomic_load_n(&stopping, __ATOMIC_RELAXED))
		(void)rk_percpu_trim(trimmed);
	return arg;
}

/* Others allocate, write and free meanwhile: what is theirs stays. */
static void given_back_beside_users(void **state)
{
	enum { HELD = 300 };
	static int *items[HELD];
	pthread_t thread;

	(void)state;
	trimmed = make(24, NULL, 0);
	stopping = 0;
	assert_int_equal(pthread_create(&thread, NULL, trim_until_stopped, NULL), 0);
	for (int round = 0; round < ROUNDS(300); round++) {
		for (int i = 0; i < HELD; i++) {
			items[i] = alloc(trimmed);
			assert_int_equal(*items[i], 0);
			*items[i] = round * HELD + i + 1;
		}
		for (int i = 0; i < HELD; i++) {
			assert_int_equal(*items[i], round * HELD + i + 1);
			assert_int_equal(rk_percpu_free(trimmed, items[i]), 0);
		}
	}
	__atomic_store_n(&stopping, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_int_equal(rk_percpu_destroy(trimmed), 0);
}

static void statistics(void **state)
{
	struct rk_percpu *pool = make(4096, NULL, 0), *large = make(2 * RK_STRIDE, NULL, 0);
	struct {
		struct rk_percpu_report stats;
		char behind;
	} got = {.behind = 'b'};
	void *item;

	(void)state;
	assert_int_equal(rk_percpu_stats(pool, RK_INDEX_ALL, &got.stats, sizeof(got.stats)), 0);
	assert_int_equal(got.stats.items + got.stats.reserved + got.stats.committed, 0);
	item = alloc(pool);
	memset(rk_percpu_slot(item, 0), 1, 4096);
	memset(rk_percpu_slot(item, RK_INDEX_OVERFLOW), 1, 4096);
	assert_int_equal(rk_percpu_stats(pool, RK_INDEX_ALL, &got.stats, sizeof(got.stats)), 0);
	assert_int_equal(got.stats.items, 1);
	assert_int_equal(got.stats.used, 4096);
	assert_true(got.stats.reserved >= (size_t)(rk_cpus_count() + 2) * RK_STRIDE);
	assert_int_equal(got.stats.committed,
			 committed(rk_percpu_slot(item, RK_INDEX_RESERVE), (size_t)(rk_cpus_count() + 2) * RK_STRIDE));
	assert_int_equal(rk_percpu_stats(pool, 0, &got.stats, sizeof(got.stats)), 0);
	assert_int_equal(got.stats.reserved, RK_STRIDE);
	assert_int_equal(got.stats.committed, committed(item, RK_STRIDE));
	assert_true(got.stats.committed > 0);
	assert_int_equal(rk_percpu_stats(pool, RK_CPUS_MAX, &got.stats, sizeof(got.stats)), -EINVAL);
	assert_int_equal(rk_percpu_stats(NULL, 0, &got.stats, sizeof(got.stats)), -EINVAL);
	assert_int_equal(rk_percpu_stats(pool, 0, NULL, sizeof(got.stats)), -EINVAL);
	memset(&got.stats, 1, sizeof(got.stats));
	assert_int_equal(rk_percpu_stats(pool, 0, &got.stats, sizeof(size_t)), 0); /* no more than the caller knows */
	assert_int_equal(got.stats.items, 1);
	assert_true(got.stats.used != 4096);
	assert_int_equal(got.behind, 'b');
	destroy(pool, item);

	item = alloc(large);
	memset(*(char **)rk_percpu_slot(item, 0), 1, 2 * RK_STRIDE);
	assert_int_equal(rk_percpu_stats(large, 0, &got.stats, sizeof(got.stats)), 0);
	assert_int_equal(got.stats.reserved, 3 * RK_STRIDE);
	assert_true(got.stats.committed > 2 * RK_STRIDE);
	destroy(large, item);
}

static void counters_statistics(void **state)
{
	struct rk_percpu_report before, after;
	struct rk_counter *counter;

	(void)state;
	assert_int_equal(rk_counter_stats(RK_INDEX_ALL, &before, sizeof(before)), 0);
	assert_int_equal(rk_counter_create(&counter), 0);
	rk_counter_add_slow(counter, 1, RK_ABORTED);
	assert_int_equal(rk_counter_stats(RK_INDEX_ALL, &after, sizeof(after)), 0);
	assert_int_equal(after.items, before.items + 1);
	if (world_has_rseq() && RK_HAVE_SECTIONS) {
		assert_true(after.aborts > before.aborts);
		assert_int_equal(after.overflows, before.overflows);
	}
	assert_int_equal(rk_counter_sum(counter), 1);
	assert_int_equal(rk_counter_destroy(counter), 0);
}

static void misuse(void **state)
{
	struct rk_percpu *pool, *other;
	char *item, *foreign, *slot;
	struct rk_percpu_fault fault;

	(void)state;
	if (ADDRESS_SANITIZED || getenv("UNDER_VALGRIND") != NULL)
		SKIP("AddressSanitizer and valgrind find such writes themselves");
	pool = make(24, NULL, RK_PERCPU_DEBUG);
	other = make(24, NULL, 0);
	item = alloc(pool);
	foreign = alloc(other);
	slot = rk_percpu_slot(item, RK_INDEX_OVERFLOW);
	assert_int_equal(rk_percpu_check(pool, NULL, &fault), 0);
	assert_int_equal(fault.misuse, RK_MISUSE_NONE);
	assert_int_equal(rk_percpu_check(NULL, item, NULL), -EINVAL);
	/* Another pool's; in the middle. */
	assert_int_equal(rk_percpu_free(pool, foreign), -EINVAL);
	assert_int_equal(rk_percpu_check(pool, foreign, &fault), 1);
	assert_int_equal(fault.misuse, RK_MISUSE_NOT_AN_ITEM);
	assert_int_equal(rk_percpu_check(other, item, &fault), 1);
	assert_int_equal(rk_percpu_check(pool, item + 8, &fault), 1);
	assert_int_equal(fault.misuse, RK_MISUSE_NOT_AN_ITEM);
	/* Past its end. */
	slot[24] ^= 1;
	assert_int_equal(rk_percpu_free(pool, item), -EUCLEAN);
	assert_int_equal(rk_percpu_check(pool, NULL, &fault), 1);
	assert_int_equal(fault.misuse, RK_MISUSE_WRITTEN_PAST_END);
	assert_ptr_equal(fault.item, item);
	assert_int_equal(fault.index, RK_INDEX_OVERFLOW);
	assert_int_equal(fault.offset, 24);
	assert_true((uintptr_t)fault.allocated_by - (uintptr_t)alloc < 4096);
	assert_null(fault.freed_by);
	slot[24] ^= 1;
	/* Twice, and after. */
	assert_int_equal(rk_percpu_free(pool, item), 0);
	assert_int_equal(rk_percpu_free(pool, item), -EINVAL);
	assert_int_equal(rk_percpu_check(pool, item, &fault), 1);
	assert_int_equal(fault.misuse, RK_MISUSE_NOT_ALLOCATED);
	assert_true((uintptr_t)fault.freed_by - (uintptr_t)misuse < 4096);
	assert_int_equal(rk_percpu_check(pool, NULL, NULL), 0);
	slot[3] ^= 1;
	assert_int_equal(rk_percpu_check(pool, NULL, &fault), 1);
	assert_int_equal(fault.misuse, RK_MISUSE_WRITTEN_AFTER_FREE);
	assert_int_equal(fault.index, RK_INDEX_OVERFLOW);
	assert_int_equal(fault.offset, 3);
	assert_int_equal(rk_percpu_destroy(pool), 0);
	destroy(other, foreign);
}

/* May a byte be used, in the eyes of who looks out for misuse? */
static bool is_usable(const char *byte)
{
#ifdef __SANITIZE_ADDRESS__
	return !__asan_address_is_poisoned(byte);
#elif __has_include(<valgrind/memcheck.h>)
	unsigned char bits;

	return VALGRIND_GET_VBITS(byte, &bits, 1) != 3;
#else
	(void)byte;
	return true;
#endif
}

static void told(void **state)
{
	static const char initial[64] = "begins";

	(void)state;
#ifndef __SANITIZE_ADDRESS__
	if (getenv("UNDER_VALGRIND") == NULL)
		SKIP("nobody to tell");
#if !__has_include(<valgrind/memcheck.h>)
	SKIP("valgrind's headers are not installed");
#endif
#endif
	for (unsigned flags = 0; flags < 4; flags++) {
		struct rk_percpu *pool = make(64, flags & 2 ? initial : NULL, flags & RK_PERCPU_DEBUG);
		char *items[3] = {alloc(pool), alloc(pool), alloc(pool)}, *slot = rk_percpu_slot(items[1], RK_INDEX_OVERFLOW);

		for (int i = 0; i < 64; i++)
			assert_true(is_usable(slot + i));
		if (flags & RK_PERCPU_DEBUG)
			assert_false(is_usable(slot + 64));
		assert_int_equal(rk_percpu_free(pool, items[1]), 0);
		for (int i = 0; i < 64; i++)
			assert_false(is_usable(slot + i));
		assert_true(is_usable(items[0] + 63) && is_usable(items[2]));
		assert_false(is_usable(items[2] + RK_STRIDE / 2)); /* never handed out */
		assert_int_equal(rk_percpu_check(pool, NULL, NULL), 0);
		assert_false(is_usable(slot));
		assert_ptr_equal(alloc(pool), items[1]);
		assert_true(is_usable(slot) && is_usable(slot + 63));
		for (int i = 0; i < 3; i++)
			assert_int_equal(rk_percpu_free(pool, items[i]), 0);
		assert_int_equal(rk_percpu_destroy(pool), 0);
	}
}

/* The largest items in debug mode have no room for a guard. */
static void debug_mode_of_large_items(void **state)
{
	static const size_t sizes[] = {RK_STRIDE - 8, RK_STRIDE, RK_STRIDE + 1};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct rk_percpu *pool = make(sizes[i], NULL, RK_PERCPU_DEBUG);
		void *item = alloc(pool);

		assert_int_equal(rk_percpu_check(pool, NULL, NULL), 0);
		assert_int_equal(rk_percpu_free(pool, item), 0);
		assert_int_equal(rk_percpu_check(pool, NULL, NULL), 0);
		item = alloc(pool);
		destroy(pool, item);
	}
}

/* In a child: the kernel's list as given, for this process alone. Not without the right to mount. */
#define NOT_ALLOWED 77

static bool show_list(const char *text)
{
	char path[] = "/tmp/possible.XXXXXX";
	int fd = mkstemp(path);
	bool shown = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && unshare(CLONE_NEWNS) == 0 &&
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
	CHECK(rk_cpus_count() >= 64); /* the kernel lets us run on others: all that it has room for */
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

/* Numbers 0, 1 and 9 on a machine with two CPUs: concurrency ids are 0 to 2. */
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
	CHECK(rk_percpu_create(&pool, &options) == 0 && rk_percpu_alloc(pool, &item) == 0);
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

/* More strides than there are mappings for: contents come at allocation. */
static int with_the_largest_list(void)
{
	static const int initial = 6;
	struct rk_percpu_options options = {.item_size = sizeof(initial), .initial = &initial};
	struct rk_percpu *pools[20];
	void *items[20];

	if (!show_list("0-8191\n"))
		return NOT_ALLOWED;
	for (int i = 0; i < 20; i++) {
		CHECK(rk_percpu_create(&pools[i], &options) == 0 && rk_percpu_alloc(pools[i], &items[i]) == 0);
		CHECK(*(int *)rk_percpu_slot(items[i], 0) == 6 && *(int *)rk_percpu_slot(items[i], 8191) == 6);
	}
	for (int i = 0; i < 20; i++)
		CHECK(rk_percpu_free(pools[i], items[i]) == 0 && rk_percpu_destroy(pools[i]) == 0);
	return 0;
}

static void wrong_lists(void **state)
{
	(void)state;
	if (SANITIZED || getenv("UNDER_VALGRIND") != NULL)
		SKIP("a sanitizer or valgrind has its own view of CPUs and memory");
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1) {
		int ending = in_child(with_too_small_a_list);

		if (ending == NOT_ALLOWED)
			SKIP("no right to mount");
		assert_int_equal(ending, 0);
	}
	for (int i = 0; i < 2; i++) {
		int ending = in_child(i == 0 ? with_a_sparse_list : with_the_largest_list);

		if (ending == NOT_ALLOWED)
			SKIP("no right to mount");
		assert_int_equal(ending, 0);
	}
}

/* No descriptor for the first look: all that the kernel has room for, and its list as soon as there is one. */
static int without_descriptors(void)
{
	struct rlimit none = {0, 1024}, some = {1024, 1024};
	struct rk_percpu_options options = {.item_size = 8};
	struct rk_percpu *pools[2];
	void *items[2];

	CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
	CHECK(rk_cpus_count() >= 64);
	CHECK(rk_percpu_create(&pools[0], &options) == 0 && rk_percpu_alloc(pools[0], &items[0]) == 0);
	CHECK(rk_cpus_count() >= 64);
	*(int *)rk_percpu_slot(items[0], 63) = 1;
	CHECK(setrlimit(RLIMIT_NOFILE, &some) == 0);
	CHECK(rk_percpu_create(&pools[1], &options) == 0 && rk_percpu_alloc(pools[1], &items[1]) == 0);
	CHECK(rk_cpus_count() == sysconf(_SC_NPROCESSORS_CONF));
	*(int *)rk_percpu_slot(items[0], 63) = 2; /* what is mapped stays */
	for (int i = 0; i < 2; i++)
		CHECK(rk_percpu_free(pools[i], items[i]) == 0 && rk_percpu_destroy(pools[i]) == 0);
	return 0;
}

static int reads_the_list(void)
{
	/* The C library reads the same list, or one entry for each CPU. */
	return rk_cpus_count() == sysconf(_SC_NPROCESSORS_CONF) ? 0 : 1;
}

static void list_later(void **state)
{
	(void)state;
	if (sysconf(_SC_NPROCESSORS_CONF) >= 64)
		SKIP("with so many CPUs there is no difference to see");
	assert_int_equal(in_child(reads_the_list), 0);
	if (SANITIZED || getenv("UNDER_VALGRIND") != NULL)
		SKIP("a sanitizer or valgrind needs descriptors itself");
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

/* Concurrency ids are dense: what they index has memory up to the highest one seen, however many CPUs are possible. */
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

		assert_int_equal(rk_percpu_stats(pool, id, &stats, sizeof(stats)), 0);
		if (stats.committed == 0)
			continue;
		sum += *(intptr_t *)rk_percpu_slot(by_id, id);
		assert_true(*(intptr_t *)rk_percpu_slot(by_id, id) > 0);
		highest = id;
	}
	destroy(pool, by_id);
	if (!all_added)
		SKIP("no concurrency ids, or a build without critical sections");
	assert_int_equal(sum, THREADS * 20000);
	assert_true(highest < THREADS);
}

/* An index without memory faults, whatever is mapped beside. */
static void *touched;
static int touched_index;

static int touch(void)
{
	signal(SIGSEGV, SIG_DFL); /* not the test runner's */
	*(volatile char *)rk_percpu_slot(touched, touched_index) = 1;
	return 0;
}

static void beyond_the_last(void **state)
{
	struct rk_percpu *pools[3];
	void *items[3];

	(void)state;
	if (SANITIZED || getenv("UNDER_VALGRIND") != NULL)
		SKIP("a sanitizer or valgrind ends a process otherwise");
	for (int i = 0; i < 3; i++) {
		pools[i] = make(8, NULL, 0);
		items[i] = alloc(pools[i]);
	}
	for (int i = 0; i < 3; i++) {
		touched = items[i];
		for (touched_index = highest_possible() + 1; touched_index < RK_CPUS_MAX; touched_index = 2 * touched_index + 1)
			assert_int_equal(in_child(touch), 128 + SIGSEGV);
	}
	for (int i = 0; i < 3; i++)
		destroy(pools[i], items[i]);
}

/* With little address space there are fewer such indexes, and pools work. */
static int with_little_address_space(void)
{
	struct rlimit limit;
	FILE *size = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;
	struct rk_percpu_options options = {.item_size = 8};
	struct rk_percpu *pool;
	void *item;

	CHECK(size != NULL && fscanf(size, "%lu", &pages) == 1);
	limit.rlim_cur = limit.rlim_max = pages * (rlim_t)sysconf(_SC_PAGESIZE) + (1 << 30);
	CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
	CHECK(rk_percpu_create(&pool, &options) == 0 && rk_percpu_alloc(pool, &item) == 0);
	*(int *)rk_percpu_slot(item, highest_possible()) = 1;
	return rk_percpu_free(pool, item) == 0 && rk_percpu_destroy(pool) == 0 ? 0 : 1;
}

static void little_address_space(void **state)
{
	(void)state;
	if (SANITIZED || getenv("UNDER_VALGRIND") != NULL)
		SKIP("a sanitizer's or valgrind's own memory counts as well");
	assert_int_equal(in_child(with_little_address_space), 0);
}

/* The environment has a say in all pools. This program runs itself, and ends before main(). */
__attribute__((__constructor__)) static void misuse_at_start(void)
{
	struct rk_percpu_options options = {.item_size = 8};
	struct rk_percpu *pool;
	void *item;

	if (ADDRESS_SANITIZED || getenv("TEST_MISUSE") == NULL)
		return;
	if (rk_percpu_create(&pool, &options) != 0 || rk_percpu_alloc(pool, &item) != 0)
		_exit(98);
	*((char *)item + 8) ^= 1;
	_exit(rk_percpu_free(pool, item) == -EUCLEAN ? 10 : 11);
}

static int misuse_with(int debug)
{
	setenv("TEST_MISUSE", "1", 1);
	setenv("RSEQKIT_PERCPU", debug ? "debug" : "debugging", 1);
	(void)execl("/proc/self/exe", "test_pools", (char *)NULL);
	return 99;
}

static void debug_mode_by_environment(void **state)
{
	(void)state;
	if (ADDRESS_SANITIZED || getenv("UNDER_VALGRIND") != NULL)
		SKIP("AddressSanitizer finds it itself, and valgrind runs no other programs");
	assert_int_equal(in_child_with(misuse_with, 1), 10);
	assert_int_equal(in_child_with(misuse_with, 0), 11);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(list_later), /* first: nobody has looked yet */
	cmocka_unit_test(wrong_lists),
	cmocka_unit_test(many_ranges),
	cmocka_unit_test(bounded_mappings),
	cmocka_unit_test(large_items),
	cmocka_unit_test(closable),
	cmocka_unit_test(reused_pages),
	cmocka_unit_test(empty_in_children),
	cmocka_unit_test(given_back),
	cmocka_unit_test(given_back_beside_users),
	cmocka_unit_test(statistics),
	cmocka_unit_test(counters_statistics),
	cmocka_unit_test(misuse),
	cmocka_unit_test(told),
	cmocka_unit_test(debug_mode_of_large_items),
	cmocka_unit_test(few_strides_by_id),
	cmocka_unit_test(beyond_the_last),
	cmocka_unit_test(little_address_space),
	cmocka_unit_test(debug_mode_by_environment),
};

RUN(tests)
