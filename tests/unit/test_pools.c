/* SPDX-License-Identifier: MIT */
/*
 * Tests pools of per-CPU memory: many ranges, initial contents in many pools, large items, closable items and reuse. A closable
 * item has two banks per CPU, of which one is in use (bank.h). Also tests trims, reports, and children in which items begin at
 * zero.
 */
#include "pools.h"
#include <rseqkit/ops_cpu.h>
#include <sys/mman.h>

/*
 * A pool consists of ranges of address space, which it keeps in a table made of blocks. This test uses more ranges than
 * one block has entries. Each item is found and keeps its own value. Freed items are allocated again.
 */
static void many_ranges(void **state)
{
	enum { ITEMS = 700 };
	struct rk_percpu *pool = make(RK_STRIDE, NULL, 0);
	static void *items[ITEMS];

	(void)state;
	if (getenv("UNDER_VALGRIND") != NULL)
		SKIP("valgrind can't make so many mappings");
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

/* The library can map an item's initial contents. It must not use up the process's mappings, however many pools there are. */
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
		SKIP("valgrind and sanitizers can't make so many mappings");
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
	/* After the other pools were destroyed, the library maps initial contents again, so the item takes no memory. */
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
			if (WITH_RSEQ()) {
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
		assert_ptr_equal(rk_percpu_spare(pool, item, cpu), rk_percpu_bank(pool, item, cpu, 1));
		assert_int_equal(rk_percpu_open(pool, item, cpu), 0);
		assert_int_equal(rk_percpu_open(pool, item, cpu), -EEXIST);
		assert_ptr_equal(rk_percpu_spare(pool, item, cpu), rk_percpu_bank(pool, item, cpu, 1));
		assert_int_equal(rk_bank_begin_try(item, cpu), 0);
		assert_int_equal(rk_bank_take(item, cpu, rk_percpu_spare(pool, item, cpu), &bank), 0);
		assert_ptr_equal(bank, rk_percpu_bank(pool, item, cpu, 0));
		assert_int_equal(*(intptr_t *)bank, with ? 40 : 0);
		assert_null(rk_percpu_spare(pool, item, cpu)); /* the caller owns `bank` until rk_bank_done() */
		assert_int_equal(*(intptr_t *)rk_percpu_bank(pool, item, cpu, 1), with ? 40 : 0);
		*(intptr_t *)bank = 5;
		assert_int_equal(rk_bank_done(item, cpu), 0);
		assert_ptr_equal(rk_percpu_spare(pool, item, cpu), bank);
		assert_int_equal(rk_percpu_free(pool, item), 0);
		/* An item that is allocated again is closed and has its initial contents. */
		item = alloc(pool);
		assert_int_equal(rk_percpu_open(pool, item, cpu), 0);
		assert_int_equal(*(intptr_t *)rk_percpu_bank(pool, item, cpu, 0), with ? 40 : 0);
		destroy(pool, item);
		assert_int_equal(rk_percpu_destroy(plain), 0);
	}
}

/* If an item of whole pages is allocated again, its slots are as in a new item, on every CPU. */
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
		CHECK(*(intptr_t *)rk_percpu_slot(inherited_item, i) == (i == RK_INDEX_RESERVE ? 9 : 0));
	*(intptr_t *)rk_percpu_slot(inherited_item, 0) = 5;
	CHECK(rk_percpu_check(inherited, NULL, NULL, 0) == 0);
	CHECK(rk_percpu_alloc(inherited, &more) == 0 && more != inherited_item);
	CHECK(rk_percpu_query(inherited, RK_INDEX_ALL, &stats, sizeof(stats)) == 0 && stats.items == 2);
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

/* A trim gives only pages of free items back to the kernel. */
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
		/* All items can be allocated again, and are as new. */
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

/* Trims while another thread uses items. Items in use keep their contents. */
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
		char last;
	} got = {.last = 'b'};
	void *item;

	(void)state;
	assert_int_equal(rk_percpu_query(pool, RK_INDEX_ALL, &got.stats, sizeof(got.stats)), 0);
	assert_int_equal(got.stats.items + got.stats.reserved + got.stats.committed, 0);
	item = alloc(pool);
	memset(rk_percpu_slot(item, 0), 1, 4096);
	memset(rk_percpu_slot(item, RK_INDEX_OVERFLOW), 1, 4096);
	assert_int_equal(rk_percpu_query(pool, RK_INDEX_ALL, &got.stats, sizeof(got.stats)), 0);
	assert_int_equal(got.stats.items, 1);
	assert_int_equal(got.stats.used, 4096);
	assert_true(got.stats.reserved >= (size_t)(rk_cpus_count() + 2) * RK_STRIDE);
	assert_int_equal(got.stats.committed,
			 committed(rk_percpu_slot(item, RK_INDEX_RESERVE), (size_t)(rk_cpus_count() + 2) * RK_STRIDE));
	assert_int_equal(rk_percpu_query(pool, 0, &got.stats, sizeof(got.stats)), 0);
	assert_int_equal(got.stats.reserved, RK_STRIDE);
	assert_int_equal(got.stats.committed, committed(item, RK_STRIDE));
	assert_true(got.stats.committed > 0);
	assert_int_equal(rk_percpu_query(pool, RK_CPUS_MAX, &got.stats, sizeof(got.stats)), -EINVAL);
	assert_int_equal(rk_percpu_query(NULL, 0, &got.stats, sizeof(got.stats)), -EINVAL);
	assert_int_equal(rk_percpu_query(pool, 0, NULL, sizeof(got.stats)), -EINVAL);
	memset(&got.stats, 1, sizeof(got.stats));
	assert_int_equal(rk_percpu_query(pool, 0, &got.stats, sizeof(size_t)), 0); /* writes only the caller's size */
	assert_int_equal(got.stats.items, 1);
	assert_true(got.stats.used != 4096);
	assert_int_equal(got.last, 'b');
	destroy(pool, item);

	item = alloc(large);
	memset(*(char **)rk_percpu_slot(item, 0), 1, 2 * RK_STRIDE);
	assert_int_equal(rk_percpu_query(large, 0, &got.stats, sizeof(got.stats)), 0);
	assert_int_equal(got.stats.reserved, 3 * RK_STRIDE);
	assert_true(got.stats.committed > 2 * RK_STRIDE);
	destroy(large, item);
}

static void counters_statistics(void **state)
{
	struct rk_percpu_report before, after;
	struct rk_counter *counter;

	(void)state;
	assert_int_equal(rk_counter_query(RK_INDEX_ALL, &before, sizeof(before)), 0);
	assert_int_equal(rk_counter_create(&counter), 0);
	rki_counter_add_slow(counter, 1, RK_ABORTED);
	assert_int_equal(rk_counter_query(RK_INDEX_ALL, &after, sizeof(after)), 0);
	assert_int_equal(after.items, before.items + 1);
	if (WITH_RSEQ()) {
		assert_true(after.aborts > before.aborts);
		assert_int_equal(after.overflows, before.overflows);
	}
	assert_int_equal(rk_counter_sum(counter), 1);
	assert_int_equal(rk_counter_destroy(counter), 0);
}

/* A trim can't give back locked pages. An item that is allocated again must not show their old contents. */
static void trimmed_and_locked(void **state)
{
	struct rk_percpu *pool = make(64, NULL, 0);
	char *item = alloc(pool);

	(void)state;
	memset(item, 'X', 64);
	assert_int_equal(rk_percpu_free(pool, item), 0);
	assert_int_equal(mlock(item, 64), 0);
	assert_int_equal(rk_percpu_trim(pool), 0);
	assert_ptr_equal(alloc(pool), item);
	assert_int_equal(item[0], 0);
	assert_int_equal(munlock(item, 64), 0);
	destroy(pool, item);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(trimmed_and_locked),
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
};

RUN(tests)
