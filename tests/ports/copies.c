/* SPDX-License-Identifier: MIT */
/* copies.c - tests two copies of the library in one process: that they meet, and that each uses the other's structures. */
#define _GNU_SOURCE
#include "test.h"
#include <rseqkit/detail/agreement.h>
#include "../beside/coexist/load.h"

static const struct copy *copies[2];

static void *add(void *counter)
{
	for (int i = 0; i < 10000; i++)
		copies[i % 2]->add(counter, 1);
	return NULL;
}

static void share_a_counter(void **state)
{
	struct rk_counter *counter;
	pthread_t threads[4];

	(void)state;
	assert_int_equal(copies[0]->create(&counter), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add, counter), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(copies[1]->sum(counter), 40000);
	assert_int_equal(copies[0]->sum(counter), 40000);
	assert_int_equal(copies[0]->destroy(counter), 0);
}

static void agree_on_cpus(void **state)
{
	const struct rk_cpus_page *page = (const struct rk_cpus_page *)RK_CPUS_PAGE_ADDRESS;
	int cpus = copies[0]->cpus();

	(void)state;
	assert_true(cpus > 0);
	assert_int_equal(copies[1]->cpus(), cpus);
	__asm__("" : "+r"(page)); /* compilers warn about constants as addresses */
	assert_true(page->magic == RK_CPUS_PAGE_MAGIC);
}

static void have_one_owner(void **state)
{
	struct rk_process_info info[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(copies[i]->query(&info[i], sizeof(info[i])), 0);
		assert_int_equal(info[i].owner, world_owner());
		assert_int_equal(copies[i]->prepare() == 0, world_has_rseq());
	}
	if (world_has_rseq())
		assert_int_equal(info[0].offset, info[1].offset);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(share_a_counter),
	cmocka_unit_test(agree_on_cpus),
	cmocka_unit_test(have_one_owner),
};

int main(void)
{
	load_two_copies(copies);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
