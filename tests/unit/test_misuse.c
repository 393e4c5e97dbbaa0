/* SPDX-License-Identifier: MIT */
/*
 * Tests misuse of per-CPU memory. The debug mode finds misuse; a program or its environment turns this mode on.
 * AddressSanitizer and valgrind find misuse because the library tells them which memory is usable.
 */
#include "pools.h"
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#elif __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#endif

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
	assert_int_equal(rk_percpu_check(pool, NULL, &fault, sizeof(fault)), 0);
	assert_int_equal(fault.misuse, RK_MISUSE_NONE);
	assert_int_equal(rk_percpu_check(NULL, item, NULL, 0), -EINVAL);
	/* Frees an item of another pool, and an address inside an item. */
	assert_int_equal(rk_percpu_free(pool, foreign), -EINVAL);
	assert_int_equal(rk_percpu_check(pool, foreign, &fault, sizeof(fault)), 1);
	assert_int_equal(fault.misuse, RK_MISUSE_NOT_AN_ITEM);
	assert_int_equal(rk_percpu_check(other, item, &fault, sizeof(fault)), 1);
	assert_int_equal(fault.misuse, RK_MISUSE_OTHER_POOL);
	assert_true((uintptr_t)fault.allocated_by - (uintptr_t)alloc < 4096);
	assert_null(fault.freed_by);
	assert_int_equal(rk_percpu_check(pool, item + 8, &fault, sizeof(fault)), 1);
	assert_int_equal(fault.misuse, RK_MISUSE_NOT_AN_ITEM);
	/* Writes past the end of an item. */
	slot[24] ^= 1;
	assert_int_equal(rk_percpu_free(pool, item), -EUCLEAN);
	assert_int_equal(rk_percpu_check(pool, NULL, &fault, sizeof(fault)), 1);
	assert_int_equal(fault.misuse, RK_MISUSE_WRITTEN_PAST_END);
	assert_ptr_equal(fault.item, item);
	assert_int_equal(fault.index, RK_INDEX_OVERFLOW);
	assert_int_equal(fault.offset, 24);
	assert_true((uintptr_t)fault.allocated_by - (uintptr_t)alloc < 4096);
	assert_null(fault.freed_by);
	slot[24] ^= 1;
	/* Frees an item twice, and writes to a freed item. */
	assert_int_equal(rk_percpu_free(pool, item), 0);
	assert_int_equal(rk_percpu_free(pool, item), -EINVAL);
	assert_int_equal(rk_percpu_check(pool, item, &fault, sizeof(fault)), 1);
	assert_int_equal(fault.misuse, RK_MISUSE_NOT_ALLOCATED);
	assert_true((uintptr_t)fault.freed_by - (uintptr_t)misuse < 4096);
	assert_int_equal(rk_percpu_check(pool, NULL, NULL, 0), 0);
	slot[3] ^= 1;
	assert_int_equal(rk_percpu_check(pool, NULL, &fault, sizeof(fault)), 1);
	assert_int_equal(fault.misuse, RK_MISUSE_WRITTEN_AFTER_FREE);
	assert_int_equal(fault.index, RK_INDEX_OVERFLOW);
	assert_int_equal(fault.offset, 3);
	assert_int_equal(rk_percpu_destroy(pool), 0);
	assert_int_equal(rk_percpu_check(other, item, &fault, sizeof(fault)), 1);
	assert_int_equal(fault.misuse, RK_MISUSE_NOT_AN_ITEM);
	destroy(other, foreign);
}

static struct rk_percpu *checked;

static int check_in_child(void)
{
	return rk_percpu_check(checked, NULL, NULL, 0);
}

/*
 * In a child, the kernel clears the slots of this pool, and the check accepts freed slots that are zero. In the parent,
 * a zero that is written to a freed slot is misuse.
 */
static void zeros_are_misuse_too(void **state)
{
	struct rk_percpu_fault fault;
	char *item;

	(void)state;
	if (ADDRESS_SANITIZED || getenv("UNDER_VALGRIND") != NULL)
		SKIP("AddressSanitizer and valgrind find such writes themselves");
	checked = make(24, NULL, RK_PERCPU_DEBUG | RK_PERCPU_EMPTY_IN_CHILDREN);
	item = alloc(checked);
	assert_int_equal(rk_percpu_free(checked, item), 0);
	assert_int_equal(in_child(check_in_child), 0);
	memset(item, 0, 24);
	assert_int_equal(rk_percpu_check(checked, NULL, &fault, sizeof(fault)), 1);
	assert_int_equal(fault.misuse, RK_MISUSE_WRITTEN_AFTER_FREE);
	assert_int_equal(rk_percpu_destroy(checked), 0);
}

/*
 * Calls rk_percpu_check() while other threads allocate and free. AddressSanitizer and valgrind report nothing. The
 * checks in children find no misuse, and the last check in the parent finds none.
 */
static int stop;

static void *use_items(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		void *item = NULL;

		(void)rk_percpu_alloc(arg, &item);
		if (item == NULL)
			continue;
		memset(item, 1, 3);
		(void)rk_percpu_free(arg, item);
	}
	return NULL;
}

static void beside_others(void **state)
{
	pthread_t threads[2];

	(void)state;
	checked = make(3, NULL, RK_PERCPU_DEBUG);
	stop = 0;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_items, checked), 0);
	for (int i = 0; i < 300; i++) {
		(void)rk_percpu_check(checked, NULL, NULL, 0);
		if (i % 3 == 0 && !SANITIZED && getenv("UNDER_VALGRIND") == NULL)
			assert_int_equal(in_child(check_in_child), 0);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(rk_percpu_check(checked, NULL, NULL, 0), 0);
	assert_int_equal(rk_percpu_destroy(checked), 0);
}

/* Returns true if AddressSanitizer or valgrind regards the byte as usable. */
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
		SKIP("this test needs AddressSanitizer or valgrind");
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
		assert_false(is_usable(items[2] + RK_STRIDE / 2)); /* this address was never allocated */
		assert_int_equal(rk_percpu_check(pool, NULL, NULL, 0), 0);
		assert_false(is_usable(slot));
		assert_ptr_equal(alloc(pool), items[1]);
		assert_true(is_usable(slot) && is_usable(slot + 63));
		for (int i = 0; i < 3; i++)
			assert_int_equal(rk_percpu_free(pool, items[i]), 0);
		assert_int_equal(rk_percpu_destroy(pool), 0);
	}
}

/* In debug mode, the largest items have no room for a guard, which is memory after the item that no thread may write to. */
static void debug_mode_of_large_items(void **state)
{
	static const size_t sizes[] = {RK_STRIDE - 8, RK_STRIDE, RK_STRIDE + 1};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct rk_percpu *pool = make(sizes[i], NULL, RK_PERCPU_DEBUG);
		void *item = alloc(pool);

		assert_int_equal(rk_percpu_check(pool, NULL, NULL, 0), 0);
		assert_int_equal(rk_percpu_free(pool, item), 0);
		assert_int_equal(rk_percpu_check(pool, NULL, NULL, 0), 0);
		item = alloc(pool);
		destroy(pool, item);
	}
}

/*
 * The environment can turn on the debug mode of all pools. This program starts itself again with such an environment.
 * The second run ends before main().
 */
__attribute__((__constructor__)) static void misuse_at_start(void)
{
	struct rk_percpu_options options = {.item_size = 8};
	struct rk_percpu *pool;
	void *item;

	if (ADDRESS_SANITIZED || getenv("TEST_MISUSE") == NULL)
		return;
	if (rk_percpu_create(&pool, &options, sizeof(options)) != 0 || rk_percpu_alloc(pool, &item) != 0)
		_exit(98);
	*((char *)item + 8) ^= 1;
	_exit(rk_percpu_free(pool, item) == -EUCLEAN ? 10 : 11);
}

static int misuse_with(int debug)
{
	setenv("TEST_MISUSE", "1", 1);
	setenv("RSEQKIT_PERCPU", debug ? "debug" : "debugging", 1);
	(void)execl("/proc/self/exe", "test_misuse", (char *)NULL);
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
	cmocka_unit_test(misuse),
	cmocka_unit_test(zeros_are_misuse_too),
	cmocka_unit_test(beside_others),
	cmocka_unit_test(told),
	cmocka_unit_test(debug_mode_of_large_items),
	cmocka_unit_test(debug_mode_by_environment),
};

RUN(tests)
