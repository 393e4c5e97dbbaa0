/* SPDX-License-Identifier: MIT */
/*
 * Tests a reader and a writer, interrupted at each instruction (interrupt.h). The interruption is a handler that
 * tries to read and to write, a fork of the interrupted thread, or a fork of another thread. The invariant: in each
 * process a writer is alone, and nothing keeps the next thread out.
 */
#define INSTRUCTIONS_MAX 900
#include "interrupt.h"
#include "refuse.h"

static struct rk_rwlock *lock;
static volatile int readers, writers; /* how many threads of this process hold the lock as readers and as writers */

static void start_with(unsigned flags)
{
	struct rk_rwlock *first;

	/* Uses another lock first, because the first use in a process takes many instructions. */
	CHECK(rk_rwlock_create(&first, 0) == 0 && rk_rwlock_write_lock(first) == 0 && rk_rwlock_write_unlock(first) == 0);
	CHECK(rk_rwlock_create(&lock, flags) == 0);
	readers = writers = 0;
}

static void start(void)
{
	start_with(0);
}

static void start_for_writers(void)
{
	start_with(RK_RWLOCK_WRITERS_FIRST);
}

static void read_it(void)
{
	struct rk_rwlock_section *section;

	CHECK(rk_rwlock_read_lock(lock, &section) == 0);
	readers++;
	CHECK(writers == 0);
	readers--;
	rk_rwlock_read_unlock(lock, section);
}

static void read_by_overflow(void)
{
	struct rk_rwlock_section *section;

	CHECK(rki_rwlock_read_lock_slow(lock, INT64_MAX, &section, RK_NO_RSEQ) == 0);
	readers++;
	CHECK(writers == 0);
	readers--;
	rki_rwlock_read_unlock_slow(lock, section, RK_NO_RSEQ);
}

static void write_it(void)
{
	CHECK(rk_rwlock_write_lock(lock) == 0);
	writers++;
	CHECK(readers == 0 && writers == 1);
	writers--;
	CHECK(rk_rwlock_write_unlock(lock) == 0);
}

static void try_to_write(void)
{
	int r = rk_rwlock_write_lock_try(lock);

	CHECK(r == 0 || r == -EBUSY);
	if (r < 0)
		return;
	CHECK(readers == 0 && writers == 0);
	CHECK(rk_rwlock_write_unlock(lock) == 0);
}

static void try_to_read(void)
{
	struct rk_rwlock_section *section;
	int r = rk_rwlock_read_lock_try(lock, &section);

	CHECK(r == 0 || r == -EBUSY);
	if (r < 0)
		return;
	CHECK(writers == 0);
	rk_rwlock_read_unlock(lock, section);
}

static void try_both(void)
{
	try_to_read();
	try_to_write();
	try_to_read();
}

/*
 * Runs after the operation, in the parent and in a child that continues the operation. Checks that the lock is free and
 * works as it did before the operation.
 */
static int judge(void)
{
	struct rk_rwlock_section *section;

	CHECK(rk_rwlock_write_lock_try(lock) == 0 && rk_rwlock_write_unlock(lock) == 0);
	CHECK(rk_rwlock_read_lock_try(lock, &section) == 0 && rk_rwlock_write_lock_try(lock) == -EBUSY);
	CHECK(*RKI_READERS_GATE_OF(lock) != 0 || !RK_HAVE_SECTIONS);
	rk_rwlock_read_unlock(lock, section);
	return rk_rwlock_destroy(lock);
}


/*
 * Another thread forked; this function runs in the child, where there is no reader. If the interrupted thread held
 * the lock as writer, the functions that acquire the lock return 1.
 */
static int go_on_in_child(void)
{
	struct rk_rwlock_section *section;
	int had = writers, r;

	alarm(60);
	writers = readers = 0;
	r = rk_rwlock_read_lock_try(lock, &section);
	CHECK(r == 0 || r == 1);
	if (had)
		CHECK(r == 1);
	rk_rwlock_read_unlock(lock, section);
	CHECK(rk_rwlock_write_lock(lock) == r);
	CHECK(rk_rwlock_write_unlock(lock) == 0);
	return judge();
}

static void fork_by_another(void)
{
	fork_in_another_thread(go_on_in_child);
}

/* The read section of the forking thread, or NULL. If the forking thread got a section, there was no writer. */
static struct rk_rwlock_section *kept;

static int read_on_in_child(void)
{
	struct rk_rwlock_section *section;

	alarm(60);
	kept = rk_rwlock_read_keep(lock, kept);
	CHECK(rk_rwlock_read_lock_try(lock, &section) == 0 && rk_rwlock_write_lock_try(lock) == -EBUSY);
	rk_rwlock_read_unlock(lock, section);
	rk_rwlock_read_unlock(lock, kept);
	writers = readers = 0;
	return judge();
}

static void *fork_while_reading(void *arg)
{
	if (rk_rwlock_read_lock_try(lock, &kept) != 0)
		return NULL;
	*(int *)arg = in_child(read_on_in_child);
	rk_rwlock_read_unlock(lock, kept);
	return NULL;
}

static void fork_by_a_reader(void)
{
	pthread_t thread;
	int ending = 0;

	CHECK(pthread_create(&thread, NULL, fork_while_reading, &ending) == 0 && pthread_join(thread, NULL) == 0);
	CHECK(ending == 0);
}

/* For tests that interrupt only the second half of an operation. The first half runs before the steps begin. */
static struct rk_rwlock_section *begun;
static bool reads_on;

static void start_reading(void)
{
	start();
	CHECK(rk_rwlock_read_lock(lock, &begun) == 0);
}

static void end_reading(void)
{
	rk_rwlock_read_unlock(lock, begun);
}

static void start_writing(void)
{
	start();
	CHECK(rk_rwlock_write_lock(lock) == 0);
}

static void end_writing(void)
{
	CHECK(rk_rwlock_write_unlock(lock) == 0);
}

/*
 * A lock that a child inherits. In the child, the lock's gate (a word that readers check) is closed until the first acquisition
 * opens it.
 */
static struct rk_rwlock *inherited;

static void inherit(void)
{
	lock = inherited;
	readers = writers = 0;
}

/* Makes a child in which the library can't block signals. */
static void inherit_unblocked(void)
{
	refuse(SYS_rt_sigprocmask, SYS_rt_sigprocmask, EPERM);
	inherit();
}

/* The child begins to read in the handler, and is still reading after the handler. */
static void fork_and_read(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid > 0)
		CHECK(exit_status_of(pid) == 0);
	else if (rk_rwlock_read_lock_try(lock, &begun) == 0)
		reads_on = true;
}

/* Checks readers first, and only then lets a writer open the gate again. */
static int judge_reader(void)
{
	struct rk_rwlock_section *section;

	CHECK(rk_rwlock_read_lock_try(lock, &section) == 0 && rk_rwlock_write_lock_try(lock) == -EBUSY);
	rk_rwlock_read_unlock(lock, section);
	if (reads_on) {
		CHECK(rk_rwlock_write_lock_try(lock) == -EBUSY);
		rk_rwlock_read_unlock(lock, begun);
	}
	return judge();
}

static void in_a_child_that_opens_it(void **state)
{
	static const struct interrupted with[] = {
		{inherit, read_it, try_both, judge, false},
		{inherit, read_it, fork_this_thread, judge, false},
		{inherit, write_it, try_both, judge, false},
		{inherit, write_it, fork_this_thread, judge, false},
		{inherit_unblocked, read_it, fork_this_thread, judge_reader, false},
		{inherit_unblocked, read_it, fork_and_read, judge_reader, false},
		{inherit_unblocked, write_it, fork_this_thread, judge_reader, false},
	};

	(void)state;
	assert_int_equal(rk_rwlock_create(&inherited, 0), 0);
	interrupt_each(with, sizeof(with) / sizeof(with[0]));
}

static void at_every_instruction(void **state)
{
	static const struct interrupted with[] = {
		{start, read_it, try_both, judge, false},
		{start, read_it, fork_this_thread, judge, false},
		{start, read_it, fork_by_another, judge, false},
		{start, read_by_overflow, try_both, judge, false},
		{start, read_by_overflow, fork_by_another, judge, false},
		{start, write_it, try_both, judge, false},
		{start, write_it, fork_this_thread, judge, false},
		{start, write_it, fork_by_another, judge, false},
		{start, write_it, fork_by_a_reader, judge, false},
		{start_reading, end_reading, try_both, judge, false},
		{start_writing, end_writing, try_both, judge, false},
		{start_writing, end_writing, fork_this_thread, judge, false},
		{start_writing, end_writing, fork_by_a_reader, judge, false},
		{start_for_writers, read_it, try_both, judge, false},
		{start_for_writers, write_it, try_both, judge, false},
		{start_for_writers, write_it, fork_by_another, judge, false},
	};

	(void)state;
	interrupt_each(with, sizeof(with) / sizeof(with[0]));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(in_a_child_that_opens_it),
	cmocka_unit_test(at_every_instruction),
};

RUN(tests)
