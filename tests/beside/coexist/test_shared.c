/* SPDX-License-Identifier: MIT */
/*
 * test_shared.c - tests two copies of the library that use the same objects: in one process, in its children and in its
 * grandchildren.
 */
#include "refuse.h"
#include <sys/eventfd.h>
#include "load.h"

#define A_WHILE 20000000 /* ns */

static const struct copy *copies[2];

/*
 * One copy makes the ring, the other copy writes records. The ring notifies its reader by the eventfd `told`. A child that writes
 * to the ring must not write to this eventfd, because the eventfd belongs to the parent.
 */
static struct rk_ring *ring;
static int told;

static void make_ring(void)
{
	const struct rk_ring_options options = {.size = 8192};

	told = eventfd(0, EFD_NONBLOCK);
	CHECK(copies[0]->create_ring(&ring, &options, sizeof(options)) == 0 && copies[0]->notify(ring, told) == 0);
	CHECK(copies[0]->arm(ring) == 0);
}

static bool is_told(void)
{
	uint64_t count;

	return read(told, &count, sizeof(count)) == sizeof(count);
}

static int write_in_child(int unused)
{
	(void)unused;
	return copies[1]->write(ring, "child", 5);
}

static int write_in_another(int unused)
{
	(void)unused;
	make_ring();
	CHECK(copies[1]->write(ring, "one", 3) == 0);
	CHECK(is_told());
	return copies[0]->destroy_ring(ring);
}

static int ring_of_two(int unused)
{
	(void)unused;
	load_two_copies(copies);
	make_ring();
	CHECK(in_child_with(write_in_child, 0) == 0);
	CHECK(!is_told());
	CHECK(copies[1]->write(ring, "parent", 6) == 0);
	CHECK(is_told());
	CHECK(copies[0]->destroy_ring(ring) == 0);
	return in_child_with(write_in_another, 0);
}

static void two_write_to_a_ring(void **state)
{
	(void)state;
	assert_int_equal(in_child_with(ring_of_two, 0), 0);
}

/*
 * A vfork child writes with one copy. The parent has called rk_vfork_begin() of this copy or of the other copy. The child is
 * killed before it has woken the sleeping reader, so the next record must wake the reader.
 */
static void *sleep_on_ring(void *result)
{
	*(int *)result = copies[1]->wait(ring, 60 * (int64_t)1000000000);
	return NULL;
}

static bool sleeps_in_futex(pid_t thread)
{
	char path[64], number[16] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", thread);
	file = fopen(path, "r");
	CHECK(file != NULL);
	CHECK(fscanf(file, "%15s", number) == 1);
	fclose(file);
	return atoi(number) == SYS_futex;
}

static pid_t sleeper_id;

static void *sleep_and_say_who(void *result)
{
	__atomic_store_n(&sleeper_id, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	return sleep_on_ring(result);
}

static int woken_after_a_killed_child(int bracket_of)
{
	const struct rk_ring_options options = {.size = 8192};
	pthread_t thread;
	int result = 1;
	pid_t pid;

	alarm(120);
	load_two_copies(copies);
	CHECK(copies[1]->create_ring(&ring, &options, sizeof(options)) == 0);
	CHECK(pthread_create(&thread, NULL, sleep_and_say_who, &result) == 0);
	while (__atomic_load_n(&sleeper_id, __ATOMIC_ACQUIRE) == 0 || !sleeps_in_futex(sleeper_id))
		usleep(1000);
	(void)copies[bracket_of]->vfork_begin();
	pid = vfork();
	if (pid == 0) {
		filter_calls(SYS_futex, SYS_futex, SECCOMP_RET_KILL_PROCESS, 0);
		(void)copies[1]->write(ring, "child", 5);
		_exit(0);
	}
	CHECK(exit_status_of(pid) == 128 + SIGSYS);
	(void)copies[bracket_of]->vfork_end();
	CHECK(copies[1]->write(ring, "parent", 6) == 0);
	CHECK(pthread_join(thread, NULL) == 0 && result == 0);
	return copies[1]->destroy_ring(ring);
}

static void a_killed_child_of_either_wakes_none(void **state)
{
	(void)state;
	assert_int_equal(in_child_with(woken_after_a_killed_child, 1), 0);
	assert_int_equal(in_child_with(woken_after_a_killed_child, 0), 0);
}

/* Readers of each copy exclude the other copy's writer, in each process. */
static struct rk_rwlock *lock;
static struct rk_rwlock_section *reading; /* the read section of the process that forks */

static void exclude_each_other(const struct copy *reader, const struct copy *writer)
{
	struct rk_rwlock_section *section, *refused;

	CHECK(reader->read_try(lock, &section) == 0);
	CHECK(writer->write_try(lock) == -EBUSY);
	CHECK(reader->write_try(lock) == -EBUSY);
	writer->read_unlock(lock, section);
	CHECK(writer->write_try(lock) == 0);
	CHECK(reader->read_try(lock, &refused) == -EBUSY);
	CHECK(writer->write_unlock(lock) == 0);
}

static int read_and_write(int further)
{
	const struct copy *one = copies[further % 2], *other = copies[!(further % 2)];

	reading = one->read_keep(lock, reading);
	CHECK(other->read_keep(lock, reading) == reading);
	CHECK(other->write_try(lock) == -EBUSY && one->write_try(lock) == -EBUSY);
	if (further > 0)
		CHECK(in_child_with(read_and_write, further - 1) == 0);
	CHECK(other->write_try(lock) == -EBUSY && one->write_try(lock) == -EBUSY);
	other->read_unlock(lock, reading);
	exclude_each_other(one, other);
	exclude_each_other(other, one);
	CHECK(one->read_try(lock, &reading) == 0);
	if (further > 0)
		CHECK(in_child_with(read_and_write, further - 1) == 0);
	other->read_unlock(lock, reading);
	return 0;
}

static void *write_once(void *unused)
{
	(void)unused;
	CHECK(copies[0]->write_try(lock) == 0 && copies[0]->write_unlock(lock) == 0);
	return NULL;
}

static int rwlock_of_two(int unused)
{
	pthread_t thread;

	(void)unused;
	load_two_copies(copies);
	CHECK(copies[0]->create_rwlock(&lock, 0) == 0);
	/* After this loop one copy has given out more thread numbers, by which the library knows threads, than the other copy. */
	for (int i = 0; i < 5; i++)
		CHECK(pthread_create(&thread, NULL, write_once, NULL) == 0 && pthread_join(thread, NULL) == 0);
	CHECK(copies[0]->read_try(lock, &reading) == 0);
	return read_and_write(3);
}

static void two_read_and_write(void **state)
{
	(void)state;
	assert_int_equal(in_child_with(rwlock_of_two, 0), 0);
}

/* Readers of each copy delay the other copy's grace periods, in each process. */
static struct rk_rcu *rcu;
static struct rk_rcu_section *kept;

static int wait_for_readers(int further)
{
	const struct copy *one = copies[further % 2], *other = copies[!(further % 2)];

	kept = one->rcu_keep(rcu, kept);
	CHECK(other->rcu_keep(rcu, kept) == kept);
	CHECK(other->synchronize_for(rcu, A_WHILE) == -ETIMEDOUT);
	if (further > 0)
		CHECK(in_child_with(wait_for_readers, further - 1) == 0);
	CHECK(one->synchronize_for(rcu, A_WHILE) == -ETIMEDOUT);
	other->rcu_unlock(rcu, kept);
	CHECK(one->synchronize_for(rcu, INT64_MAX) == 0);
	kept = other->rcu_lock(rcu);
	CHECK(one->synchronize_for(rcu, A_WHILE) == -ETIMEDOUT);
	if (further > 0)
		CHECK(in_child_with(wait_for_readers, further - 1) == 0);
	one->rcu_unlock(rcu, kept);
	CHECK(other->synchronize_for(rcu, INT64_MAX) == 0);
	return 0;
}

static int rcu_of_two(int unused)
{
	(void)unused;
	load_two_copies(copies);
	CHECK(copies[0]->create_rcu(&rcu, 0) == 0);
	kept = copies[0]->rcu_lock(rcu);
	return wait_for_readers(3);
}

static void two_wait_for_readers(void **state)
{
	(void)state;
	assert_int_equal(in_child_with(rcu_of_two, 0), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(two_write_to_a_ring),
	cmocka_unit_test(a_killed_child_of_either_wakes_none),
	cmocka_unit_test(two_read_and_write),
	cmocka_unit_test(two_wait_for_readers),
};

RUN(tests)
