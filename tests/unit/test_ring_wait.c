/* SPDX-License-Identifier: MIT */
/*
 * Tests waiting for records: a wait without a time limit ends when there is a record, or when a handler interrupts
 * the wait. Also tests eventfds, two readers, and children.
 */
#include "rings.h"
#include <poll.h>
#include <rseqkit/thread.h>
#include <sys/wait.h>
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
	assert_int_equal(rk_ring_wait_for(ring, 1000000), -ETIMEDOUT);
	assert_int_equal(rk_ring_wait_for(ring, 0), -ETIMEDOUT);
	assert_int_equal(rk_ring_wait_for(ring, -1), -EINVAL);
	for (int i = 0; i < 2; i++) { /* i == 0: the record is written before the wait; i == 1: a record was left unread */
		assert_int_equal(pthread_create(&thread, NULL, write_later, NULL), 0);
		if (i == 0)
			usleep(40000);
		assert_int_equal(rk_ring_wait_for(ring, 20000000000), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
	}
	assert_int_equal(rk_ring_arm(ring), 1);
	for (int index = RK_INDEX_OVERFLOW; index < rk_cpus_count(); index++) {
		assert_int_equal(rk_ring_open(ring, index, &reader, sizeof(reader)), 0);
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
	assert_int_equal(woken, 1); /* only the parent's record woke the reader, not the child's */
	assert_int_equal(rk_ring_notify(ring, INT32_MAX), -EINVAL);
	assert_int_equal(rk_ring_notify(ring, -1), 0);
	close(poller.fd);
	drop();
}

/*
 * A vfork child writes to its parent's ring. It doesn't write to the eventfd, because the same descriptor can be
 * another file in the child.
 */
static void in_vfork_child(void **state)
{
	struct pollfd poller = {.fd = eventfd(0, EFD_NONBLOCK), .events = POLLIN};
	pid_t child;
	int status;

	(void)state;
	create(8192, 0);
	assert_int_equal(rk_ring_notify(ring, poller.fd), 0);
	assert_int_equal(rk_ring_arm(ring), 0);
	assert_int_equal(rk_vfork_begin(), 0);
	child = vfork();
	if (child == 0)
		_exit(rk_ring_write(ring, "child", 5) != 0);
	assert_int_equal(rk_vfork_end(), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(poll(&poller, 1, 0), 0);
	assert_int_equal(rk_ring_write(ring, "parent", 6), 0);
	assert_int_equal(poll(&poller, 1, 0), 1);
	drop();
	close(poller.fd);
}

/* In another PID namespace, a child can have the same process id as its parent. */
static int child_of_the_same_number(void)
{
	int fd = eventfd(0, EFD_NONBLOCK), status;
	uint64_t count;
	pid_t child;

	CHECK(rk_ring_notify(ring, fd) == 0 && rk_ring_arm(ring) == 0);
	if (unshare(CLONE_NEWPID) != 0)
		return 2;
	child = fork();
	if (child == 0)
		_exit(getpid() != 1 || rk_ring_write(ring, "child", 5) != 0);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	return read(fd, &count, sizeof(count)) == sizeof(count);
}

static int process_one(void)
{
	int status;
	pid_t child;

	if (unshare(CLONE_NEWPID) != 0)
		return 2;
	child = fork();
	if (child == 0)
		_exit(child_of_the_same_number());
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void namesakes(void **state)
{
	int r;

	(void)state;
	create(8192, 0);
	r = in_child(process_one);
	drop();
	if (r == 2)
		SKIP("no PID namespaces here");
	assert_int_equal(r, 0);
}

/* Kernels before 4.14 lack MADV_WIPEONFORK. A filter that refuses madvise(2) has the same effect. */
static int told_without_wiped_pages(int error)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	uint64_t count;

	refuse(SYS_madvise, SYS_madvise, error);
	create(8192, 0);
	CHECK(rk_ring_notify(ring, fd) == 0);
	CHECK(in_child(write_in_child) == 0);
	CHECK(read(fd, &count, sizeof(count)) == -1 && errno == EAGAIN);
	CHECK(rk_ring_arm(ring) == 0);
	CHECK(rk_ring_write(ring, "parent", 6) == 0);
	CHECK(read(fd, &count, sizeof(count)) == sizeof(count));
	drop();
	return 0;
}

static void old_kernels(void **state)
{
	(void)state;
	assert_int_equal(in_child_with(told_without_wiped_pages, EINVAL), 0);
	assert_int_equal(in_child_with(told_without_wiped_pages, EPERM), 0);
	assert_int_equal(in_child_with(told_without_wiped_pages, ENOSYS), 0);
}

/* A handler ends a wait, even if its flags include SA_RESTART. */
static int asleep;

static void *interrupt(void *thread)
{
	while (!__atomic_load_n(&asleep, __ATOMIC_ACQUIRE))
		usleep(1000);
	while (__atomic_load_n(&asleep, __ATOMIC_ACQUIRE)) {
		usleep(10000);
		CHECK(pthread_kill(*(pthread_t *)thread, SIGUSR1) == 0);
	}
	return NULL;
}

static void nothing(int number)
{
	(void)number;
}

static void ended_by_a_handler(void **state)
{
	struct sigaction action = {.sa_handler = nothing, .sa_flags = SA_RESTART}, before;
	pthread_t self = pthread_self(), thread;

	(void)state;
	create(8192, 0);
	assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
	assert_int_equal(pthread_create(&thread, NULL, interrupt, &self), 0);
	__atomic_store_n(&asleep, 1, __ATOMIC_RELEASE);
	assert_int_equal(rk_ring_wait_for(ring, INT64_MAX), -EINTR);
	__atomic_store_n(&asleep, 0, __ATOMIC_RELEASE);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
	drop();
}

/* If a thread of the parent has a snapshot open at the fork, the child gets it as an older snapshot. */
static int left_by_the_parent(void)
{
	struct rk_ring_reader reader;

	CHECK(rk_ring_arm(ring) == 1);
	return rk_ring_open(ring, here, &reader, sizeof(reader)) == 1 ? 0 : 1;
}

static void *fork_another(void *arg)
{
	*(int *)arg = in_child(left_by_the_parent);
	return NULL;
}

static void snapshots_of_before(void **state)
{
	struct rk_ring_reader reader;
	pthread_t thread;
	int ended = -1;

	(void)state;
	if (!WITH_RSEQ())
		SKIP("no rseq: there is one ring");
	create(8192, RK_RING_OVERWRITE);
	assert_int_equal(rk_ring_write(ring, "one", 3), 0);
	assert_int_equal(rk_ring_open(ring, here, &reader, sizeof(reader)), 0);
	assert_int_equal(pthread_create(&thread, NULL, fork_another, &ended), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(ended, 0);
	assert_int_equal(rk_ring_close(&reader), 0);
	drop();
}

/*
 * Two readers wait, one for the records of this CPU, and one for the records of threads without rseq. Each reader is woken,
 * whatever the other reader does.
 */
static uint64_t consumed[2];
static int written_all, ended;

static void *consume(void *arg)
{
	int which = *(int *)arg;
	struct rk_ring_reader reader;
	struct rk_ring_record record;

	CHECK(rk_ring_open(ring, which == 0 ? here : RK_INDEX_OVERFLOW, &reader, sizeof(reader)) == 0);
	while (!__atomic_load_n(&written_all, __ATOMIC_ACQUIRE)) {
		CHECK(rk_ring_wait_for(ring, 60000000000) == 0);
		while (rk_ring_next(&reader, &record))
			__atomic_fetch_add(&consumed[which], 1, __ATOMIC_RELEASE);
		rk_ring_release(&reader);
	}
	CHECK(rk_ring_close(&reader) == 0);
	__atomic_fetch_add(&ended, 1, __ATOMIC_RELEASE);
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
	written_all = ended = 0;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, consume, &which[i]), 0);
	for (int i = 0; i < 2000; i++) {
		uint64_t before = __atomic_load_n(&consumed[i % 2], __ATOMIC_ACQUIRE);

		assert_int_equal(rki_ring_write_slow(ring, "one", 3, 0, i % 2 == 0 ? RK_ABORTED : RK_NO_RSEQ), 0);
		while (__atomic_load_n(&consumed[i % 2], __ATOMIC_ACQUIRE) == before)
			sched_yield();
	}
	/*
	 * At the end, one reader can take the record that would have ended the other reader's wait. There are therefore further
	 * records until both have ended.
	 */
	__atomic_store_n(&written_all, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&ended, __ATOMIC_ACQUIRE) < 2) {
		(void)rk_ring_write(ring, "one", 3);
		usleep(100);
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	drop();
}

/*
 * While a thread begins to wait, a record is written, and another reader takes this record and calls rk_ring_arm(). The
 * thread's wait must end all the same, whether or not the thread slept already.
 */
#define WAITS 200
static uint32_t begun, woken_up;

static void *wait_often(void *arg)
{
	for (uint32_t i = 1; i <= WAITS; i++) {
		while (__atomic_load_n(&begun, __ATOMIC_ACQUIRE) != i)
			sched_yield();
		CHECK(rk_ring_wait_for(ring, 60000000000) == 0);
		__atomic_store_n(&woken_up, i, __ATOMIC_RELEASE);
	}
	return arg;
}

static int write_and_forget(void)
{
	int count = 0;

	CHECK(rk_ring_write(ring, "one", 3) == 0);
	return rk_ring_merge(ring, forget, &count);
}

static void woken_by_what_is_gone(void **state)
{
	const struct rk_ring_shared *shared;
	pthread_t thread;

	(void)state;
	create(8192, 0);
	shared = rk_percpu_slot(ring, RK_INDEX_RESERVE);
	assert_int_equal(sched_setaffinity(0, sizeof(saved), &saved), 0);
	begun = woken_up = 0;
	assert_int_equal(pthread_create(&thread, NULL, wait_often, NULL), 0);
	for (uint32_t i = 1; i <= WAITS; i++) {
		assert_int_equal(write_and_forget(), 0); /* no thread waits now, so this wakes none */
		__atomic_store_n(&begun, i, __ATOMIC_RELEASE);
		while ((__atomic_load_n(&shared->waiting, __ATOMIC_ACQUIRE) & 1) == 0)
			sched_yield();
		for (uint32_t spins = 0; spins < i * 1000; spins++) /* the pauses grow until they are longer than a fence */
			__asm__ __volatile__("");
		assert_int_equal(write_and_forget(), 0);
		assert_true(rk_ring_arm(ring) >= 0);
		while (__atomic_load_n(&woken_up, __ATOMIC_ACQUIRE) != i)
			sched_yield();
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	drop();
}

/*
 * If a record doesn't fit the end of the ring, a write leaves padding there. Padding is no record, so it ends no
 * wait.
 */
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
	assert_int_equal(rk_ring_open(ring, here, &reader, sizeof(reader)), 0);
	while (rk_ring_next(&reader, &record))
		rk_ring_release(&reader);
	assert_int_equal(rk_ring_close(&reader), 0);
	assert_int_equal(rk_ring_wait_for(ring, 1000000), -ETIMEDOUT);
	assert_int_equal(write_one(0, 2000), 0);
	assert_int_equal(rk_ring_wait_for(ring, 1000000), 0);
	assert_int_equal(read_all(0), 1);
	drop();
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(waited_for),
	cmocka_unit_test(in_vfork_child),
	cmocka_unit_test(namesakes),
	cmocka_unit_test(old_kernels),
	cmocka_unit_test(ended_by_a_handler),
	cmocka_unit_test(snapshots_of_before),
	cmocka_unit_test(two_wait),
	cmocka_unit_test(woken_by_what_is_gone),
	cmocka_unit_test(padding_is_nothing),
};

RUN(tests)
