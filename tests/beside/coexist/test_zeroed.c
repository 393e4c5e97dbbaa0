/* SPDX-License-Identifier: MIT */
/*
 * test_zeroed.c - tests the library with a component (neighbours/early.c) whose __rseq_abi is zero before it is registered, and
 * which registers it in the initial thread. Unregistered threads read CPU 0 in such an area, so the library can't share it. The
 * library treats the area as foreign and registers no thread, and counters are exact. embed.h finds no area, because the libc's
 * area isn't in use. In builds that ignore the libc's area, embed.h finds the library's area and is refused there.
 */
#include "test.h"
#include <rseqkit.h>
#include <rseqkit/embed.h>
#include "../neighbours/neighbour.h"

#define THREADS 4
#define ADDS 200000

static struct rk_counter *counter;

static void *add(void *unused)
{
	for (int i = 0; i < ADDS; i++)
		rk_counter_add(counter, 1);
	CHECK(rk_thread_owner() == (kernel_says_any() ? RK_OWNER_FOREIGN : RK_OWNER_NONE));
	return unused;
}

static void threads_are_not_taken_for_registered(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	assert_int_equal(rk_thread_owner(), RK_OWNER_FOREIGN);
	assert_int_equal(rk_counter_create(&counter), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(rk_counter_sum(counter), THREADS * ADDS);
	assert_int_equal(rk_counter_destroy(counter), 0);
}

/* Returns true if embed.h gives no area to this thread, and says why. */
static bool header_has_none(void)
{
	bool own_area = strcmp(getenv("LIBC_AREA"), "false") == 0;

	return rke_thread_register() == (own_area ? -EBUSY : -ENOTSUP) && rke_thread_area() == NULL &&
	       rke_thread_owner() == (own_area ? RKE_OWNER_FOREIGN : RKE_OWNER_NONE);
}

static void *register_embedded(void *unused)
{
	CHECK(!kernel_says_any());
	CHECK(header_has_none());
	CHECK(!kernel_says_any());
	return unused;
}

static void nor_by_the_header(void **state)
{
	pthread_t thread;

	(void)state;
	assert_true(header_has_none());
	assert_true(kernel_says_registered(neighbour_calls()->area(), 32));
	assert_int_equal(pthread_create(&thread, NULL, register_embedded, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(threads_are_not_taken_for_registered),
	cmocka_unit_test(nor_by_the_header),
};

RUN(tests)
