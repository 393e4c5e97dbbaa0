/* SPDX-License-Identifier: MIT */
/*
 * test_possible.c - tests two copies of the library that read different lists of possible CPUs. Each copy iterates over the CPUs
 * of the other copy's objects.
 */
#define _GNU_SOURCE
#include "test.h"
#include <rseqkit/detail/agreement.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include "refuse.h"
#include "load.h"

static const struct copy *copies[2];

/* Calls every function that iterates over the CPUs. */
static void go_through(const struct copy *maker, const struct copy *other)
{
	const struct rk_ring_options options = {.size = 8192};
	struct rk_counter *counter;
	struct rk_rwlock *lock;
	struct rk_rcu *rcu;
	struct rk_ring *ring;

	CHECK(maker->create(&counter) == 0 && maker->create_rwlock(&lock, 0) == 0 && maker->create_rcu(&rcu, 0) == 0 &&
	      maker->create_ring(&ring, &options, sizeof(options)) == 0);
	maker->add(counter, 3);
	other->add(counter, 4);
	CHECK(other->sum(counter) == 7 && maker->sum(counter) == 7);
	CHECK(other->write_try(lock) == 0 && other->write_unlock(lock) == 0);
	CHECK(other->synchronize_for(rcu, INT64_MAX) == 0);
	CHECK(other->wait(ring, 0) == -ETIMEDOUT);
	CHECK(other->write(ring, "one", 3) == 0 && other->arm(ring) == 1 && maker->arm(ring) == 1);
	CHECK(maker->destroy_ring(ring) == 0 && maker->destroy(counter) == 0);
}

static void go_both_ways(void)
{
	go_through(copies[0], copies[1]);
	go_through(copies[1], copies[0]);
	CHECK(copies[0]->cpus() == copies[1]->cpus());
}

static void *look_without_files(void *copy)
{
	refuse(SYS_openat, SYS_openat, EACCES);
	CHECK(((const struct copy *)copy)->cpus() > 0);
	return NULL;
}

static void look_where_no_file_is(const struct copy *copy)
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, look_without_files, (void *)(uintptr_t)copy) == 0 &&
	      pthread_join(thread, NULL) == 0);
}

/* Runs in a child. Returns the number of CPUs, or 0 if this number doesn't fit an exit status. */
static int count(int unused)
{
	(void)unused;
	load_two_copies(copies);
	return copies[0]->cpus() < 64 ? copies[0]->cpus() : 0;
}

static int list_then_none(int unused)
{
	int count;

	(void)unused;
	load_two_copies(copies);
	count = copies[0]->cpus();
	look_where_no_file_is(copies[1]);
	CHECK(copies[1]->cpus() == count);
	go_both_ways();
	return 0;
}

static int none_then_list(int unused)
{
	(void)unused;
	load_two_copies(copies);
	look_where_no_file_is(copies[0]);
	go_both_ways();
	return 0;
}

/*
 * At first one copy can't read the list, because it gets no descriptor. It reads the list when it maps memory, and then knows
 * fewer CPUs than before. From then on the other copy uses this smaller number of CPUs, too.
 */
static int none_for_a_while(int expected)
{
	struct rlimit before, none;

	load_two_copies(copies);
	CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
	none = before;
	none.rlim_cur = 0;
	CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0 && copies[0]->cpus() > 0 && setrlimit(RLIMIT_NOFILE, &before) == 0);
	go_through(copies[1], copies[0]);
	go_through(copies[0], copies[1]);
	go_through(copies[1], copies[0]);
	CHECK(expected == 0 || (copies[0]->cpus() == expected && copies[1]->cpus() == expected));
	return 0;
}

static void all_go_by_one_list(void **state)
{
	(void)state;
	assert_int_equal(in_child_with(list_then_none, 0), 0);
	assert_int_equal(in_child_with(none_then_list, 0), 0);
	assert_int_equal(in_child_with(none_for_a_while, in_child_with(count, 0)), 0);
}

/* The memory that the test maps at the fixed address at which copies publish their list of CPUs. */
enum { NOTHING_READABLE, ZEROS, SET_WITHOUT_MAGIC, SET_OF_64, SET_OF_A_STRANGE_ONE };

static int expected_count;

static int beside(int what)
{
	struct rk_cpus_page *page = mmap((void *)RK_CPUS_PAGE_ADDRESS, sizeof(*page), PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	CHECK(page == (void *)RK_CPUS_PAGE_ADDRESS);
	if (what == SET_WITHOUT_MAGIC || what == SET_OF_64)
		memset(page->set, 0xff, 64 / 8);
	if (what == SET_OF_A_STRANGE_ONE)
		page->set[sizeof(page->set) / sizeof(page->set[0]) / 2] = 1;
	if (what >= SET_OF_64)
		page->magic = RK_CPUS_PAGE_MAGIC;
	CHECK(mprotect(page, sizeof(*page), what == NOTHING_READABLE ? PROT_NONE : PROT_READ) == 0);
	load_two_copies(copies);
	CHECK(copies[0]->cpus() == (what == SET_OF_64 ? 64 : expected_count));
	go_both_ways();
	return 0;
}

static void what_is_at_the_address(void **state)
{
	(void)state;
	expected_count = in_child_with(count, 0);
	if (expected_count == 0)
		SKIP("this test needs fewer than 64 CPUs");
	for (int what = NOTHING_READABLE; what <= SET_OF_A_STRANGE_ONE; what++)
		assert_int_equal(in_child_with(beside, what), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(all_go_by_one_list),
	cmocka_unit_test(what_is_at_the_address),
};

RUN(tests)
