/* SPDX-License-Identifier: MIT */
/*
 * Tests the functions that a thread may use under asynchronous cancellation (api.h). A handler leaves each function by
 * siglongjmp() at each of its instructions, which has the effects of a cancellation. Afterwards no descriptor or mapping is
 * left over, and other calls work.
 */
#define INSTRUCTIONS_MAX 2000 /* a query takes more instructions than a critical section */
#include "interrupt.h"
#include <fcntl.h>
#include <rseqkit/histogram.h>
#include <setjmp.h>

static sigjmp_buf way_out;
static volatile bool begun;

static struct rk_counter *counter;
static struct rk_counter_group *group;
static struct rk_histogram *histogram;
static struct rk_percpu *pool;
static void *item;
static int descriptors;

static int count_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 64; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* Leaves the operation, unless it hasn't begun or has ended. */
static void leave(void)
{
	if (begun)
		siglongjmp(way_out, 1);
}

/* Makes the objects, and uses each once. */
static void make(void)
{
	struct rk_percpu_options options = {.item_size = 64};

	begun = false;
	CHECK(rk_counter_create(&counter) == 0 && rk_histogram_create(&histogram, 2, 100) == 0);
	CHECK(rk_counter_group_create(&group, NULL, 2) == 0);
	CHECK(rk_percpu_create(&pool, &options, sizeof(options)) == 0 && rk_percpu_alloc(pool, &item) == 0);
	rk_counter_add(counter, 1);
	rk_counter_group_add(group, 0, 1);
	rk_histogram_record(histogram, 5);
	descriptors = count_descriptors();
}

static void add(void)
{
	rk_counter_add(counter, 1);
	rk_counter_group_add(group, 0, 1);
	rk_histogram_record(histogram, 5);
}

static void sum(void)
{
	(void)rk_counter_sum(counter);
	(void)rk_counter_reset(counter);
}

static void query_pool(void)
{
	struct rk_percpu_report report;

	(void)rk_percpu_query(pool, rk_cpu(), &report, sizeof(report));
}

static void query_counters(void)
{
	struct rk_percpu_report report;

	(void)rk_counter_query(rk_cpu(), &report, sizeof(report));
}

static void use_thread(void)
{
	struct rk_process_info info;

	(void)rk_thread_prepare();
	(void)rk_thread_register();
	(void)rk_thread_owner();
	(void)rk_thread_reason();
	(void)rk_thread_unregister();
	(void)rk_process_query(&info, sizeof(info));
}

static void (*function)(void);

static void call(void)
{
	if (sigsetjmp(way_out, 1) == 0) {
		begun = true;
		function();
	}
	begun = false;
}

static int blocked_signals(void)
{
	sigset_t blocked;
	int count = 0;

	CHECK(pthread_sigmask(SIG_SETMASK, NULL, &blocked) == 0);
	for (int signo = 1; signo < 64; signo++)
		count += sigismember(&blocked, signo) == 1;
	return count;
}

/* Each object still works: the interrupted add was done at most once. */
static int judge(void)
{
	struct rk_histogram_snapshot *snapshot;
	struct rk_percpu_report report;
	int64_t values[2], sum_then = rk_counter_sum(counter);

	CHECK(count_descriptors() == descriptors && blocked_signals() == 0);
	rk_counter_add(counter, 1);
	CHECK(rk_counter_sum(counter) == sum_then + 1);
	rk_counter_group_add(group, 0, 1);
	CHECK(rk_counter_group_reset(group, values, 2) == 0 && (values[0] == 2 || values[0] == 3) && values[1] == 0);
	CHECK(rk_histogram_snapshot_create(&snapshot, histogram) == 0 && rk_histogram_reset(histogram, snapshot) == 0);
	CHECK(snapshot->count == 1 || snapshot->count == 2);
	CHECK(rk_percpu_query(pool, RK_INDEX_ALL, &report, sizeof(report)) == 0 && report.items == 1);
	CHECK(rk_thread_register() == 0 || rk_thread_owner() == RK_OWNER_NONE || rk_thread_owner() == RK_OWNER_FOREIGN);
	CHECK(rk_percpu_free(pool, item) == 0 && rk_percpu_destroy(pool) == 0 && rk_counter_destroy(counter) == 0);
	return 0;
}

static void leaving_loses_nothing(void **state)
{
	static void (*const functions[])(void) = {add, sum, query_pool, query_counters, use_thread};
	static const struct interrupted left = {make, call, leave, judge, false};

	(void)state;
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		function = functions[i];
		interrupt_each(&left, 1);
	}
}

/* Questions about counters need none: they neither make a pool nor fail. */
static int ask_without_counters(void)
{
	struct rk_percpu_report report = {.items = 1, .reserved = 1};

	CHECK(rk_counter_query(0, NULL, sizeof(report)) == -EINVAL);
	CHECK(rk_counter_query(0, &report, sizeof(report)) == 0 && report.items == 0 && report.reserved == 0);
	return 0;
}

static void no_counters_to_report(void **state)
{
	(void)state;
	assert_int_equal(in_child(ask_without_counters), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(no_counters_to_report), /* must run before the process has a counter */
	cmocka_unit_test(leaving_loses_nothing),
};

RUN(tests)
