/* SPDX-License-Identifier: MIT */
/*
 * Tests the worker of an rcu domain: a thread of the library that makes deferred calls. A domain has only one worker,
 * the worker can be ended, and a child of fork() has no worker.
 */
#include "rcu_jobs.h"
#include "refuse.h"
#include <dirent.h>

static bool is_called(int count)
{
	for (int i = 0; i < 20000 && __atomic_load_n(&called, __ATOMIC_ACQUIRE) < count; i++)
		usleep(1000);
	return __atomic_load_n(&called, __ATOMIC_ACQUIRE) == count;
}

static void runs_what_is_deferred(void **state)
{
	struct rk_rcu_section *section;

	(void)state;
	defer(0, 1); /* the worker finds this call when the worker begins */
	assert_int_equal(rk_rcu_worker_start(rcu), 0);
	assert_true(is_called(1));
	for (int i = 1; i < 10; i++) {
		usleep(i % 3 == 0 ? 5000 : 0); /* after 5 ms the worker sleeps; without a pause it doesn't sleep yet */
		rk_rcu_read_lock(rcu, &section);
		defer(i, 1);
		usleep(1000);
		assert_int_equal(__atomic_load_n(&called, __ATOMIC_ACQUIRE), i);
		rk_rcu_read_unlock(rcu, section);
		assert_true(is_called(i + 1));
	}
	assert_int_equal(rk_rcu_destroy(rcu), -EBUSY);
	assert_int_equal(rk_rcu_worker_stop(rcu), 0);
	each_called_once(10);
}

/* While the worker runs, other threads also run calls and wait in a barrier. */
static void shares_with_others(void **state)
{
	int ran;

	(void)state;
	assert_int_equal(rk_rcu_worker_start(rcu), 0);
	for (int i = 0; i < CALLS; i += 10) {
		defer(i, 10);
		ran = rk_rcu_run(rcu, 0);
		assert_true(ran >= 0 || ran == -EBUSY);
		if (i % 100 == 0)
			assert_int_equal(rk_rcu_barrier(rcu), 0);
	}
	assert_int_equal(rk_rcu_barrier(rcu), 0);
	each_called_once(CALLS);
	assert_int_equal(rk_rcu_worker_stop(rcu), 0);
}

static int stopped_in_call;

static void stop_it(struct rk_rcu_call *call)
{
	stopped_in_call = rk_rcu_worker_stop(rcu);
	work(call);
}

static void is_one(void **state)
{
	(void)state;
	assert_int_equal(rk_rcu_worker_stop(rcu), -EALREADY);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(rk_rcu_worker_start(rcu), 0);
		assert_int_equal(rk_rcu_worker_start(rcu), -EALREADY);
		if (i % 2 == 0)
			usleep(1000);
		assert_int_equal(rk_rcu_worker_stop(rcu), 0);
		assert_int_equal(rk_rcu_worker_stop(rcu), -EALREADY);
	}
	assert_int_equal(rk_rcu_worker_start(rcu), 0);
	assert_int_equal(rk_rcu_defer(rcu, &jobs[0].call, stop_it), 0);
	assert_true(is_called(1));
	assert_int_equal(stopped_in_call, -EDEADLK);
	assert_int_equal(rk_rcu_worker_stop(rcu), 0);
}

/* The worker ends while a reader holds up the worker's calls. Other threads make these calls later. */
static void ends_before_its_calls(void **state)
{
	struct rk_rcu_section *section;

	(void)state;
	rk_rcu_read_lock(rcu, &section);
	assert_int_equal(rk_rcu_worker_start(rcu), 0);
	defer(0, 5);
	usleep(10000);
	assert_int_equal(rk_rcu_worker_stop(rcu), 0);
	assert_int_equal(called, 0);
	rk_rcu_read_unlock(rcu, section);
	assert_int_equal(rk_rcu_barrier(rcu), 0);
	each_called_once(5);
}

static int worker_of_its_own(void)
{
	CHECK(rk_rcu_worker_stop(rcu) == -EALREADY);
	defer(1, 1);
	usleep(20000);
	CHECK(called == 1);
	CHECK(rk_rcu_worker_start(rcu) == 0);
	CHECK(is_called(2));
	CHECK(rk_rcu_worker_stop(rcu) == 0);
	CHECK(rk_rcu_destroy(rcu) == 0);
	return 0;
}

static void a_child_has_none(void **state)
{
	(void)state;
	assert_int_equal(rk_rcu_worker_start(rcu), 0);
	defer(0, 1);
	assert_true(is_called(1));
	assert_int_equal(rk_rcu_barrier(rcu), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(in_child(worker_of_its_own), 0);
	defer(1, 1);
	assert_true(is_called(2));
	assert_int_equal(rk_rcu_worker_stop(rcu), 0);
}

/* If the kernel doesn't wipe memory at a fork, the child inherits the data about its parent's worker. */
static int inherits(void)
{
	refuse(SYS_madvise, SYS_madvise, EINVAL);
	CHECK(rk_rcu_create(&rcu, CALLS) == 0);
	CHECK(rk_rcu_worker_start(rcu) == 0);
	defer(0, 1);
	CHECK(is_called(1));
	CHECK(rk_rcu_barrier(rcu) == 0);
	CHECK(in_child(worker_of_its_own) == 0);
	CHECK(rk_rcu_worker_stop(rcu) == 0);
	return 0;
}

/* Must be the first test, because the library remembers whether the kernel wipes memory. */
static void on_old_kernels(void **state)
{
	(void)state;
	assert_int_equal(in_child(inherits), 0);
}

/* If a filter refuses fences, the worker tries again and again, makes no call, and can still be ended. */
static int has_no_fence(void)
{
	CHECK(start(NULL) == 0);
	refuse(SYS_membarrier, SYS_sched_setaffinity, EPERM);
	CHECK(rk_rcu_worker_start(rcu) == 0);
	defer(0, 1);
	usleep(10000);
	CHECK(called == 0);
	CHECK(rk_rcu_worker_stop(rcu) == 0);
	CHECK(rk_rcu_barrier(rcu) == -EHOSTUNREACH);
	return 0;
}

static void without_a_fence(void **state)
{
	(void)state;
	if (!WITH_RSEQ())
		SKIP("no rseq: grace periods need no fence");
	assert_int_equal(in_child(has_no_fence), 0);
}

/* Returns the worker's signal mask, from its file in /proc. */
static uint64_t signals_blocked(void)
{
	uint64_t blocked = 0;
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *entry;

	assert_non_null(tasks);
	while ((entry = readdir(tasks)) != NULL) {
		char path[300], line[256];
		bool is_worker = false;
		FILE *file;

		(void)snprintf(path, sizeof(path), "/proc/self/task/%s/status", entry->d_name);
		file = fopen(path, "r");
		while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
			is_worker = is_worker || strcmp(line, "Name:\trk_rcu\n") == 0;
			if (is_worker && strncmp(line, "SigBlk:", 7) == 0)
				blocked = strtoull(line + 7, NULL, 16);
		}
		if (file != NULL)
			(void)fclose(file);
	}
	(void)closedir(tasks);
	return blocked;
}

/*
 * The worker blocks all signals, except signals that an instruction causes, so the program's other handlers don't run in the
 * worker.
 */
static void blocks_signals(void **state)
{
	static const int synchronous[] = {SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGSYS};
	uint64_t blocked, expected = 0;
	sigset_t mine;

	(void)state;
	assert_int_equal(rk_rcu_worker_start(rcu), 0);
	defer(0, 1);
	assert_true(is_called(1));
	blocked = signals_blocked();
	for (int i = 0; i < 6; i++)
		expected |= (uint64_t)1 << (synchronous[i] - 1);
	assert_int_equal(~blocked & 0x7fffffff & ~((uint64_t)1 << (SIGKILL - 1) | (uint64_t)1 << (SIGSTOP - 1)), expected);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &mine), 0);
	assert_false(sigismember(&mine, SIGTERM));
	assert_int_equal(rk_rcu_worker_stop(rcu), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(on_old_kernels),
	cmocka_unit_test_setup_teardown(runs_what_is_deferred, start, end),
	cmocka_unit_test_setup_teardown(shares_with_others, start, end),
	cmocka_unit_test_setup_teardown(is_one, start, end),
	cmocka_unit_test_setup_teardown(ends_before_its_calls, start, end),
	cmocka_unit_test_setup_teardown(a_child_has_none, start, end),
	cmocka_unit_test_setup_teardown(blocks_signals, start, end),
	cmocka_unit_test(without_a_fence),
};

RUN(tests)
