/* SPDX-License-Identifier: MIT */
/* Waiting for records: woken, and not in vain; by eventfds, by two, in children. */
#include "rings.h"
#include <poll.h>
#include <sys/eventfd.h>

static void *write_later(void *arg)
{
	usleep(20000);
	CHECK(rk_ring_write(ring, "later", 5) == 0);
	return arg;
}

static int forget(void *count, const struct rk_ring_record *record)
{
	(void)record;
	++*(int *)count;
	return 0;
}

static int write_in_child(void)
{
	CHECK(rk_ring_arm(ring) == 0);
	return rk_ring_write(ring, "child", 5);
}

static void waited_for(void **state)
{
	int read_again = 0;
	uint64_t woken;
	struct rk_ring_reader reader;
	struct rk_ring_record record;
	struct pollfd poller = {.fd = eventfd(0, EFD_NONBLOCK), .events = POLLIN};
	pthread_t thread;
	int found = 0;

	(void)state;
	create(8192, 0);
	assert_int_equal(rk_ring_wait(ring, 1000000), -ETIMEDOUT);
	for (int i = 0; i < 2; i++) { /* on the way to sleep, or asleep */
		assert_int_equal(pthread_create(&thread, NULL, write_later, NULL), 0);
		if (i == 0)
			usleep(40000);
		assert_int_equal(rk_ring_wait(ring, 20000000000), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
	}
	assert_int_equal(rk_ring_arm(ring), 1);
	for (int index = RK_INDEX_OVERFLOW; index < rk_cpus_count(); index++) {
		assert_int_equal(rk_ring_open(ring, index, &reader), 0);
		while (rk_ring_next(&reader, &record))
			found++;
		rk_ring_release(&reader);
		assert_int_equal(rk_ring_close(&reader), 0);
	}
	assert_int_equal(found, 2);
	assert_int_equal(rk_ring_notify(ring, poller.fd), 0);
	assert_int_equal(rk_ring_arm(ring), 0);
	assert_int_equal(poll(&poller, 1, 0), 0);
	assert_int_equal(pthread_create(&thread, NULL, write_later, NULL), 0);
	assert_int_equal(poll(&poller, 1, 20000), 1);
	assert_int_equal(pthread_join(thread, NULL), 0);
	while (rk_ring_arm(ring) == 1)
		(void)rk_ring_merge(ring, forget, &read_again);
	assert_int_equal(in_child(write_in_child), 0);
	assert_int_equal(read(poller.fd, &woken, sizeof(woken)), sizeof(woken));
	assert_int_equal(woken, 1); /* not by the child */
	assert_int_equal(rk_ring_notify(ring, INT32_MAX), -EINVAL);
	assert_int_equal(rk_ring_notify(ring, -1), 0);
	close(poller.fd);
	drop();
}

/* Each of two waits for its own records, and is woken whatever the other does. */
static uint64_t consumed[2];
static int written_all;

static void *consume(void *arg)
{
	int which = *(int *)arg;
	struct rk_ring_reader reader;
	struct rk_ring_record record;

	CHECK(rk_ring_open(ring, which == 0 ? here : RK_INDEX_OVERFLOW, &reader) == 0);
	while (!__atomic_load_n(&written_all, __ATOMIC_ACQUIRE)) {
		CHECK(rk_ring_wait(ring, 20000000000) == 0);
		while (rk_ring_next(&reader, &record))
			__atomic_fetch_add(&consumed[which], 1, __ATOMIC_RELEASE);
		rk_ring_release(&reader);
	}
	CHECK(rk_ring_close(&reader) == 0);
	return NULL;
}

static void two_wait(void **state)
{
	int which[2] = {0, 1};
	pthread_t threads[2];

	(void)state;
	if (!WITH_RSEQ())
		SKIP("no rseq: there is one ring");
	create(8192, 0);
	consumed[0] = consumed[1] = 0;
	written_all = 0;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, consume, &which[i]), 0);
	for (int i = 0; i < 2000; i++) {
		uint64_t before = __atomic_load_n(&consumed[i % 2], __ATOMIC_ACQUIRE);

		if (i == 1999)
			__atomic_store_n(&written_all, 1, __ATOMIC_RELEASE);
		assert_int_equal(rk_ring_write_slow(ring, "one", 3, 0, i % 2 == 0 ? RK_ABORTED : RK_NO_RSEQ), 0);
		while (i < 1998 && __atomic_load_n(&consumed[i % 2], __ATOMIC_ACQUIRE) == before)
			sched_yield();
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	drop();
}

/* Padding that is left where there was no room is nothing to be read. */
static void padding_is_nothing(void **state)
{
	struct rk_ring_reader reader;
	struct rk_ring_record record = {.data = NULL};

	(void)state;
	create(8192, 0);
	for (int i = 0; write_one(0, 104) == 0; i++)
		assert_true(i < 100);
	for (int i = 0; i < 3; i++)
		(void)write_one(0, 2000);
	assert_int_equal(rk_ring_open(ring, here, &reader), 0);
	while (rk_ring_next(&reader, &record))
		rk_ring_release(&reader);
	assert_int_equal(rk_ring_close(&reader), 0);
	assert_int_equal(rk_ring_wait(ring, 1000000), -ETIMEDOUT);
	assert_int_equal(write_one(0, 2000), 0);
	assert_int_equal(rk_ring_wait(ring, 1000000), 0);
	assert_int_equal(read_all(0), 1);
	drop();
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(waited_for),
	cmocka_unit_test(two_wait),
	cmocka_unit_test(padding_is_nothing),
};

RUN(tests)
