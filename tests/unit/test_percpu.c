/* SPDX-License-Identifier: MIT */
/*
 * Tests per-CPU memory: layout, initial contents, reuse, the debug mode and errors. The library fills no page early. A slot is
 * an item's memory at one index, which is a CPU's number, or negative for threads without rseq.
 */
#include "committed.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>

/* Runs `statement` for every index `i` that has memory. */
#define EACH_INDEX(i, statement)                                                                                       \
	do {                                                                                                           \
		for (int i = RK_INDEX_RESERVE; i < 0; i++)                                                             \
			statement;                                                                                     \
		for (int i = rk_cpus_next(-1); i >= 0; i = rk_cpus_next(i))                                            \
			statement;                                                                                     \
	} while (0)

static struct rk_percpu *make(size_t size, size_t alignment, const void *initial, unsigned flags)
{
	struct rk_percpu_options options = {size, alignment, initial, flags};
	struct rk_percpu *pool;

	assert_int_equal(rk_percpu_create(&pool, &options, sizeof(options)), 0);
	return pool;
}

static void refuses_bad_options(void **state)
{
	static const struct rk_percpu_options bad[] = {
		{0, 0, NULL, 0},
		{RK_PERCPU_ITEM_MAX + 1, 0, NULL, 0},
		{8, 3, NULL, 0},
		{8, 8192, NULL, 0},
		{8, 0, NULL, 8},
		{RK_STRIDE / 2, 0, NULL, RK_PERCPU_CLOSABLE},
		{1, 0, "", RK_PERCPU_EMPTY_IN_CHILDREN},
		{8, 0, NULL, RK_PERCPU_EMPTY_IN_CHILDREN | RK_PERCPU_CLOSABLE},
	};
	struct rk_percpu *pool = (struct rk_percpu *)1;
	void *item;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(rk_percpu_create(&pool, &bad[i], sizeof(bad[i])), -EINVAL);
	assert_int_equal(rk_percpu_create(&pool, NULL, sizeof(struct rk_percpu_options)), -EINVAL);
	assert_int_equal(rk_percpu_create(NULL, &bad[0], sizeof(bad[0])), -EINVAL);
	assert_int_equal(rk_percpu_alloc(NULL, &item), -EINVAL);
	assert_int_equal(rk_percpu_free(NULL, &item), -EINVAL);
	assert_int_equal(rk_percpu_free(NULL, NULL), 0);
	assert_int_equal(rk_percpu_destroy(NULL), 0);
}

static void items_do_not_overlap(void **state)
{
	static const size_t sizes[] = {1, 7, 8, 24, 100, 4096, 100000, RK_STRIDE};

	(void)state;
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		struct rk_percpu *pool = make(sizes[s], 64, NULL, 0);
		void *items[5];

		for (int k = 0; k < 5; k++) {
			assert_int_equal(rk_percpu_alloc(pool, &items[k]), 0);
			assert_int_equal((uintptr_t)items[k] % 64, 0);
			EACH_INDEX(i, memset(rk_percpu_slot(items[k], i), 16 * k + (i & 15), sizes[s]));
		}
		for (int k = 0; k < 5; k++) {
			EACH_INDEX(i, {
				unsigned char *slot = rk_percpu_slot(items[k], i);

				assert_int_equal(slot[0], (unsigned char)(16 * k + (i & 15)));
				assert_int_equal(slot[sizes[s] - 1], (unsigned char)(16 * k + (i & 15)));
			});
			assert_int_equal(rk_percpu_free(pool, items[k]), 0);
		}
		assert_int_equal(rk_percpu_destroy(pool), 0);
	}
}

/* Every slot starts with the initial contents, both in a fresh item and in a reused item. */
static void initial_contents(void **state)
{
	char initial[100], zeros[100] = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(initial); i++)
		initial[i] = (char)(i * 7 + 1);
	for (int zero = 0; zero < 2; zero++) {
		struct rk_percpu *pool = make(sizeof(initial), 0, zero ? NULL : initial, 0);
		const char *expected = zero ? zeros : initial;
		void *items[3000]; /* more items than one range of address space has */

		for (size_t k = 0; k < 3000; k++) {
			assert_int_equal(rk_percpu_alloc(pool, &items[k]), 0);
			if (k % 100 == 0 || k > 2590)
				EACH_INDEX(i, assert_memory_equal(rk_percpu_slot(items[k], i), expected, sizeof(initial)));
		}
		EACH_INDEX(i, memset(rk_percpu_slot(items[7], i), 0xff, sizeof(initial)));
		assert_int_equal(rk_percpu_free(pool, items[7]), 0);
		assert_int_equal(rk_percpu_alloc(pool, &items[7]), 0);
		EACH_INDEX(i, assert_memory_equal(rk_percpu_slot(items[7], i), expected, sizeof(initial)));
		assert_int_equal(rk_percpu_destroy(pool), -EBUSY);
		for (size_t k = 0; k < 3000; k++)
			assert_int_equal(rk_percpu_free(pool, items[k]), 0);
		assert_int_equal(rk_percpu_destroy(pool), 0);
	}
}

static void frees_only_its_items(void **state)
{
	struct rk_percpu *pool = make(16, 0, NULL, 0), *other = make(16, 0, NULL, 0);
	void *item, *foreign;

	(void)state;
	assert_int_equal(rk_percpu_alloc(pool, &item), 0);
	assert_int_equal(rk_percpu_alloc(other, &foreign), 0);
	assert_int_equal(rk_percpu_free(pool, foreign), -EINVAL);
	assert_int_equal(rk_percpu_free(pool, (char *)item + 1), -EINVAL);
	assert_int_equal(rk_percpu_free(pool, (char *)item + 16), -EINVAL); /* this address was never allocated */
	assert_int_equal(rk_percpu_free(pool, rk_percpu_slot(item, 1)), -EINVAL);
	assert_int_equal(rk_percpu_free(pool, &item), -EINVAL);
	assert_int_equal(rk_percpu_free(pool, item), 0);
	assert_int_equal(rk_percpu_free(pool, item), -EINVAL); /* the item is freed already */
	assert_int_equal(rk_percpu_destroy(pool), 0);
	assert_int_equal(rk_percpu_free(other, foreign), 0);
	assert_int_equal(rk_percpu_destroy(other), 0);
}

static void debug_mode_finds_late_writes(void **state)
{
	struct rk_percpu *pool;
	void *item, *again;
	char *written;

	(void)state;
	if (ADDRESS_SANITIZED || getenv("UNDER_VALGRIND") != NULL)
		SKIP("AddressSanitizer and valgrind find such a write themselves");
	pool = make(24, 0, NULL, RK_PERCPU_DEBUG);
	assert_int_equal(rk_percpu_alloc(pool, &item), 0);
	assert_int_equal(rk_percpu_free(pool, item), 0);
	assert_int_equal(rk_percpu_alloc(pool, &again), 0);
	assert_ptr_equal(item, again);
	EACH_INDEX(i, assert_int_equal(*(char *)rk_percpu_slot(again, i), 0));
	assert_int_equal(rk_percpu_free(pool, again), 0);
	written = (char *)rk_percpu_slot(item, rk_cpus_next(-1)) + 23;
	*written ^= 1;
	assert_int_equal(rk_percpu_alloc(pool, &again), -EUCLEAN);
	assert_null(again);
	assert_int_equal(rk_percpu_free(pool, item), -EINVAL); /* the item is no longer used */
	assert_int_equal(rk_percpu_alloc(pool, &again), 0);
	assert_ptr_not_equal(item, again);
	assert_int_equal(rk_percpu_free(pool, again), 0);
	assert_int_equal(rk_percpu_destroy(pool), 0);
}

static void untouched_until_written(void **state)
{
	static const int64_t initial = 5;

	(void)state;
	for (int with = 0; with < 2; with++) {
		struct rk_percpu *pool = make(sizeof(int64_t), 0, with ? &initial : NULL, 0);
		void *item;

		assert_int_equal(rk_percpu_alloc(pool, &item), 0);
		EACH_INDEX(i, assert_int_equal(committed(rk_percpu_slot(item, i), 1), 0));
		*(int64_t *)rk_percpu_slot(item, 0) = 1;
		assert_true(committed(item, 1) > 0);
		assert_int_equal(committed(rk_percpu_slot(item, RK_INDEX_OVERFLOW), 1), 0);
		assert_int_equal(rk_percpu_free(pool, item), 0);
		assert_int_equal(rk_percpu_destroy(pool), 0);
	}
}

static int without_address_space(void)
{
	struct rk_percpu_options options = {.item_size = 8};
	struct rlimit none = {0, 0};
	struct rk_percpu *pool;
	void *item = &item;

	if (rk_percpu_create(&pool, &options, sizeof(options)) != 0)
		return 1;
	setrlimit(RLIMIT_AS, &none);
	errno = 0;
	if (rk_percpu_alloc(pool, &item) != -ENOMEM || item != NULL || errno != 0)
		return 2;
	return rk_percpu_destroy(pool) == 0 ? 0 : 3;
}

static void out_of_memory(void **state)
{
	(void)state;
	if (SANITIZED || getenv("UNDER_VALGRIND") != NULL)
		SKIP("a sanitizer's or valgrind's own memory counts as well");
	assert_int_equal(in_child(without_address_space), 0);
}

/* A program is allowed to close every descriptor that it didn't open, and to open files that get the same numbers. */
static int closes_descriptors(void)
{
	static const int64_t initial = 42;
	struct rk_percpu_options options = {.item_size = sizeof(initial), .initial = &initial};
	struct rk_percpu *pool;
	void *item, *more;
	int fd;

	if (rk_percpu_create(&pool, &options, sizeof(options)) != 0 || rk_percpu_alloc(pool, &item) != 0)
		return 1;
	for (fd = 3; fd < 100; fd++)
		close(fd);
	fd = open("/proc/self/exe", O_RDONLY);
	if (rk_percpu_alloc(pool, &more) != 0 || *(int64_t *)more != 42 || *(int64_t *)item != 42)
		return 2;
	if (rk_percpu_free(pool, item) != 0 || rk_percpu_free(pool, more) != 0 || rk_percpu_destroy(pool) != 0)
		return 3;
	return fcntl(fd, F_GETFD) < 0 ? 4 : 0;
}

/* The library can't create a memory file, so it writes the contents at allocation. No signal ends the process. */
static int without_files(void)
{
	static const int64_t initial = 42;
	struct rk_percpu_options options = {.item_size = sizeof(initial), .initial = &initial};
	struct rlimit small = {1000, 1000};
	struct rk_percpu *pool;
	void *item;

	setrlimit(RLIMIT_FSIZE, &small);
	if (rk_percpu_create(&pool, &options, sizeof(options)) != 0 || rk_percpu_alloc(pool, &item) != 0)
		return 1;
	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
		if (*(int64_t *)rk_percpu_slot(item, cpu) != 42)
			return 2;
	return rk_percpu_free(pool, item) == 0 && rk_percpu_destroy(pool) == 0 ? 0 : 3;
}

static void holds_no_descriptor(void **state)
{
	(void)state;
	assert_int_equal(in_child(closes_descriptors), 0);
	assert_int_equal(in_child(without_files), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(refuses_bad_options),  cmocka_unit_test(items_do_not_overlap),
	cmocka_unit_test(initial_contents),     cmocka_unit_test(frees_only_its_items),
	cmocka_unit_test(debug_mode_finds_late_writes), cmocka_unit_test(untouched_until_written),
	cmocka_unit_test(out_of_memory),        cmocka_unit_test(holds_no_descriptor),
};

RUN(tests)
