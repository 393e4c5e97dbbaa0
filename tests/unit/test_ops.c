/* SPDX-License-Identifier: MIT */
/*
 * Tests operations (ops.h): each outcome of each operation, with each kind of index (this CPU, concurrency id, given CPU). Sums
 * stay exact while threads are moved and interrupted in the middle of operations.
 */
#include "refuse.h"
#include "alarms.h"
#include <rseqkit/ops.h>

static struct rk_percpu *pool;
static void *item;

static int make_item(void **state)
{
	struct rk_percpu_options options = {.item_size = sizeof(intptr_t)};

	(void)state;
	return rk_percpu_create(&pool, &options, sizeof(options)) != 0 || rk_percpu_alloc(pool, &item) != 0;
}

static int drop_item(void **state)
{
	(void)state;
	return rk_percpu_free(pool, item) != 0 || rk_percpu_destroy(pool) != 0;
}

/*
 * Returns the highest CPU that this thread is allowed to use. On this CPU, the test notices an operation that uses
 * index 0 by mistake.
 */
static int highest_allowed(cpu_set_t *saved)
{
	int highest = -1;

	assert_int_equal(sched_getaffinity(0, sizeof(*saved), saved), 0);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, saved))
			highest = cpu;
	return highest;
}

/*
 * A preemption inside a section aborts the section. After an abort, this macro repeats the operation, as every caller
 * must.
 */
#define UNTIL_NOT_ABORTED(result, operation)                                                                           \
	do                                                                                                             \
		(result) = (operation);                                                                                \
	while ((result) == RK_ABORTED)

#define EXPECT(outcome, operation)                                                                                     \
	do {                                                                                                           \
		enum rk_result expect_result_;                                                                         \
		UNTIL_NOT_ABORTED(expect_result_, operation);                                                          \
		assert_int_equal(expect_result_, outcome);                                                             \
	} while (0)

static void outcomes_by_cpu(void **state)
{
	cpu_set_t saved;
	int cpu = highest_allowed(&saved);
	intptr_t value = -1;
	intptr_t *slot = rk_percpu_slot(item, cpu);

	(void)state;
	if (!WITH_RSEQ()) {
		assert_int_equal(rk_cpu_add(item, 1), RK_NO_RSEQ);
		assert_int_equal(rk_cpu_load(item, &value), RK_NO_RSEQ);
		assert_int_equal(rk_cpu_store_if_equal(item, 0, 1), RK_NO_RSEQ);
		assert_int_equal(rk_cpu_store_if_equal_release(item, 0, 1), RK_NO_RSEQ);
		assert_int_equal(rk_at_add(item, 1, cpu), RK_NO_RSEQ);
		assert_int_equal(value, 0);
		return;
	}
	pin(cpu);
	*slot = 0;
	EXPECT(RK_DONE, rk_cpu_add(item, 40));
	EXPECT(RK_DONE, rk_cpu_add(item, -1));
	EXPECT(RK_DONE, rk_cpu_add(item, INTPTR_MAX)); /* the value doesn't fit an immediate operand */
	EXPECT(RK_DONE, rk_cpu_add(item, INTPTR_MIN));
	assert_int_equal(*slot, 38);
	EXPECT(RK_DONE, rk_cpu_load(item, &value));
	assert_int_equal(value, 38);
	EXPECT(RK_UNEQUAL, rk_cpu_store_if_equal(item, 39, 5));
	assert_int_equal(*slot, 38);
	EXPECT(RK_DONE, rk_cpu_store_if_equal(item, 38, INTPTR_MIN));
	assert_int_equal(*slot, INTPTR_MIN);
	EXPECT(RK_DONE, rk_cpu_load(item, &value)); /* loads the whole word */
	assert_int_equal(value, INTPTR_MIN);
	value = 38;
	EXPECT(RK_UNEQUAL, rk_cpu_compare_exchange(item, &value, 5));
	assert_int_equal(value, INTPTR_MIN);
	assert_int_equal(*slot, INTPTR_MIN);
	EXPECT(RK_DONE, rk_cpu_compare_exchange(item, &value, INTPTR_MAX));
	assert_int_equal(value, INTPTR_MIN);
	assert_int_equal(*slot, INTPTR_MAX);
	EXPECT(RK_UNEQUAL, rk_cpu_compare_exchange_release(item, &value, 5));
	assert_int_equal(value, INTPTR_MAX);
	EXPECT(RK_DONE, rk_cpu_compare_exchange_release(item, &value, INTPTR_MIN));
	assert_int_equal(value, INTPTR_MAX);
	EXPECT(RK_UNEQUAL, rk_cpu_store_if_equal_release(item, 38, 5));
	EXPECT(RK_DONE, rk_cpu_store_if_equal_release(item, INTPTR_MIN, 0)); /* the compiler can use a zero register */
	assert_int_equal(*slot, 0);
	assert_int_equal(rk_cpu(), cpu);
	sched_setaffinity(0, sizeof(saved), &saved);
}

/* Adds a constant, and then the same value from a variable. The compiler can use different instructions. */
#define ADD_BOTH(value)                                                                                                \
	do {                                                                                                           \
		volatile intptr_t variable_ = (value);                                                                 \
		uintptr_t before_ = (uintptr_t)*slot;                                                                  \
                                                                                                                       \
		EXPECT(RK_DONE, rk_cpu_add(item, (value)));                                                            \
		assert_int_equal((uintptr_t)*slot, before_ + (uintptr_t)(value));                                      \
		EXPECT(RK_DONE, rk_cpu_add(item, variable_));                                                          \
		assert_int_equal((uintptr_t)*slot, before_ + 2 * (uintptr_t)(value));                                  \
		EXPECT(RK_DONE, rk_at_add(item, (value), cpu));                                                        \
		EXPECT(RK_DONE, rk_at_add(item, variable_, cpu));                                                      \
		assert_int_equal((uintptr_t)*slot, before_ + 4 * (uintptr_t)(value));                                  \
	} while (0)

static void adds_constants_and_variables(void **state)
{
	cpu_set_t saved;
	int cpu = highest_allowed(&saved);
	intptr_t *slot = rk_percpu_slot(item, cpu);

	(void)state;
	if (!WITH_RSEQ())
		SKIP("no rseq, or a build without critical sections");
	pin(cpu);
	*slot = 7;
	ADD_BOTH(0);
	ADD_BOTH(1);
	ADD_BOTH(-1);
	ADD_BOTH(INT32_MAX);
	ADD_BOTH(INT32_MIN);
#if INTPTR_MAX > INT32_MAX
	ADD_BOTH((intptr_t)INT32_MAX + 1); /* the value doesn't fit an immediate operand */
	ADD_BOTH((intptr_t)INT32_MIN - 1);
#endif
	ADD_BOTH((intptr_t)UINT32_MAX);
	ADD_BOTH(INTPTR_MAX);
	ADD_BOTH(INTPTR_MIN);
	sched_setaffinity(0, sizeof(saved), &saved);
}

static void outcomes_by_explicit_cpu(void **state)
{
	cpu_set_t saved;
	int cpu = highest_allowed(&saved);
	intptr_t value = -1;
	intptr_t *slot = rk_percpu_slot(item, cpu);

	(void)state;
	if (!WITH_RSEQ())
		SKIP("no rseq, or a build without critical sections");
	pin(cpu);
	*slot = 7;
	EXPECT(RK_DONE, rk_at_add(item, 3, cpu));
	EXPECT(RK_WRONG_CPU, rk_at_add(item, 3, cpu + 1));
	EXPECT(RK_WRONG_CPU, rk_at_add(item, 3, -1));
	EXPECT(RK_WRONG_CPU, rk_at_add(item, 3, -2));
	EXPECT(RK_DONE, rk_at_load(item, &value, cpu));
	assert_int_equal(value, 10);
	EXPECT(RK_WRONG_CPU, rk_at_load(item, &value, cpu + 1));
	assert_int_equal(value, 0);
	EXPECT(RK_UNEQUAL, rk_at_store_if_equal(item, 9, 1, cpu));
	EXPECT(RK_WRONG_CPU, rk_at_store_if_equal(item, 10, 1, cpu + 1));
	EXPECT(RK_DONE, rk_at_store_if_equal(item, 10, 1, cpu));
	EXPECT(RK_WRONG_CPU, rk_at_store_if_equal_release(item, 1, 2, cpu + 1));
	EXPECT(RK_DONE, rk_at_store_if_equal_release(item, 1, 2, cpu));
	value = 1;
	EXPECT(RK_WRONG_CPU, rk_at_compare_exchange(item, &value, 3, cpu + 1));
	EXPECT(RK_WRONG_CPU, rk_at_compare_exchange(item, &value, 3, -1));
	assert_int_equal(value, 1);
	EXPECT(RK_UNEQUAL, rk_at_compare_exchange_release(item, &value, 3, cpu));
	EXPECT(RK_DONE, rk_at_compare_exchange(item, &value, 3, cpu));
	EXPECT(RK_UNEQUAL, rk_at_compare_exchange(item, &value, 2, cpu));
	EXPECT(RK_DONE, rk_at_compare_exchange_release(item, &value, 2, cpu));
	assert_int_equal(value, 3);
	assert_int_equal(*slot, 2);
	/* A section calls rki_leave_at() if the thread isn't registered. A handler can register the thread before this call. */
	assert_int_equal(rki_leave_at(cpu), RK_ABORTED);
	assert_int_equal(rki_leave_at(cpu + 1), RK_WRONG_CPU);
	sched_setaffinity(0, sizeof(saved), &saved);
}

static void outcomes_by_concurrency_id(void **state)
{
	intptr_t value = -1;
	intptr_t *slot;

	(void)state;
	if (!WITH_RSEQ() || rk_area_valid < RK_FIELD_END_MM_CID) {
		assert_int_equal(rk_cid_add(item, 1), RK_NO_RSEQ);
		return;
	}
	/* This is the only thread, so it has concurrency id 0, on any CPU. */
	assert_int_equal(rk_cid(), 0);
	slot = rk_percpu_slot(item, 0);
	*slot = 1;
	EXPECT(RK_DONE, rk_cid_add(item, 2));
	EXPECT(RK_DONE, rk_cid_load(item, &value));
	assert_int_equal(value, 3);
	EXPECT(RK_UNEQUAL, rk_cid_store_if_equal(item, 4, 0));
	EXPECT(RK_DONE, rk_cid_store_if_equal(item, 3, 0));
	EXPECT(RK_UNEQUAL, rk_cid_store_if_equal_release(item, 3, 1));
	EXPECT(RK_DONE, rk_cid_store_if_equal_release(item, 0, 1));
	EXPECT(RK_UNEQUAL, rk_cid_compare_exchange(item, &value, 5));
	EXPECT(RK_DONE, rk_cid_compare_exchange(item, &value, 5));
	assert_int_equal(value, 1);
	EXPECT(RK_UNEQUAL, rk_cid_compare_exchange_release(item, &value, 1));
	EXPECT(RK_DONE, rk_cid_compare_exchange_release(item, &value, 1));
	assert_int_equal(value, 5);
	assert_int_equal(*slot, 1);
}

/*
 * Without a registration, every operation returns RK_NO_RSEQ and stores nothing, although the area's concurrency id
 * is 0.
 */
static void outcomes_without_registration(void **state)
{
	int64_t before[2] = {*(int64_t *)rk_percpu_slot(item, 0), *(int64_t *)rk_percpu_slot(item, -1)};
	intptr_t value = 5;

	(void)state;
	assert_int_equal(rk_vfork_begin(), 0);
	assert_int_equal(rk_cpu_add(item, 1), RK_NO_RSEQ);
	assert_int_equal(rk_cpu_load(item, &value), RK_NO_RSEQ);
	assert_int_equal(rk_cpu_store_if_equal(item, 0, 1), RK_NO_RSEQ);
	assert_int_equal(rk_cpu_store_if_equal_release(item, 0, 1), RK_NO_RSEQ);
	assert_int_equal(value, 0);
	value = 5; /* differs from the slot's value, and must not change */
	assert_int_equal(rk_cpu_compare_exchange(item, &value, 1), RK_NO_RSEQ);
	assert_int_equal(rk_cid_compare_exchange(item, &value, 1), RK_NO_RSEQ);
	assert_int_equal(rk_at_compare_exchange(item, &value, 1, 0), RK_NO_RSEQ);
	assert_int_equal(value, 5);
	assert_int_equal(rk_cid_add(item, 1), RK_NO_RSEQ);
	assert_int_equal(rk_cid_load(item, &value), RK_NO_RSEQ);
	assert_int_equal(rk_cid_store_if_equal(item, 0, 1), RK_NO_RSEQ);
	assert_int_equal(rk_cid_store_if_equal_release(item, 0, 1), RK_NO_RSEQ);
	assert_int_equal(rk_at_add(item, 1, 0), RK_NO_RSEQ);
	assert_int_equal(rk_at_load(item, &value, 0), RK_NO_RSEQ);
	assert_int_equal(rk_at_store_if_equal(item, 0, 1, 0), RK_NO_RSEQ);
	assert_int_equal(rk_at_store_if_equal_release(item, 0, 1, 0), RK_NO_RSEQ);
	/* cpu_id is -1 now, but -1 is no CPU. */
	assert_int_equal(rk_at_add(item, 1, -1), RK_WRONG_CPU);
	assert_int_equal(rk_cid(), -1);
	assert_true(rk_cpu() >= 0);
	assert_int_equal(rk_vfork_end(), 0);
	assert_int_equal(value, 0);
	assert_int_equal(*(int64_t *)rk_percpu_slot(item, 0), before[0]);
	assert_int_equal(*(int64_t *)rk_percpu_slot(item, -1), before[1]);
}

/* After the thread has moved to a CPU, rk_cpu() returns this CPU. */
static void current_cpu(void **state)
{
	cpu_set_t saved;

	(void)state;
	(void)highest_allowed(&saved);
	for (int round = 0; round < 100; round++) {
		for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu)) {
			if (cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, &saved))
				continue;
			pin(cpu);
			assert_int_equal(rk_cpu(), cpu);
		}
	}
	sched_setaffinity(0, sizeof(saved), &saved);
}

enum kind { ADD_CPU, ADD_CID, ADD_AT, SWAP_CPU, KINDS };

static int64_t per_thread;
static int stop, finished;

static enum rk_result once(enum kind kind, intptr_t expected, int cpu)
{
	switch (kind) {
	case ADD_CPU:
		return rk_cpu_add(item, 1);
	case ADD_CID:
		return rk_cid_add(item, 1);
	case ADD_AT:
		return rk_at_add(item, 1, cpu);
	default:
		return rk_at_store_if_equal(item, expected, expected + 1, cpu);
	}
}

/* Increments the item by one kind of operation, until `per_thread` increments are done. */
static void *increment(void *arg)
{
	enum kind kind = *(enum kind *)arg;

	for (int64_t done = 0; done < per_thread;) {
		int cpu = rk_cpu();
		intptr_t seen = *(volatile intptr_t *)rk_percpu_slot(item, cpu);

		switch (once(kind, seen, cpu)) {
		case RK_DONE:
			done++;
			break;
		case RK_NO_RSEQ:
			done = per_thread; /* ends the loop; the sum will then be wrong */
			break;
		default:
			break;
		}
	}
	__atomic_fetch_add(&finished, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void *churn(void *arg)
{
	pthread_t *threads = arg;
	unsigned round = 0;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET((int)(round % 2), &set);
		(void)pthread_setaffinity_np(threads[round % 4], sizeof(set), &set);
		round += 1 + (round % 5 == 0);
		if (round % 16 == 0)
			usleep(50);
	}
	return NULL;
}

static void on_alarm(int signo)
{
	(void)signo;
	alarms_go_on();
}

/*
 * Four threads add. They are moved between CPUs and interrupted all the time. No add is lost, by any kind of
 * operation.
 */
static void exact_under_stress(void **state)
{
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};

	(void)state;
	if (!WITH_RSEQ())
		SKIP("no rseq, or a build without critical sections");
	per_thread = ROUNDS(100000000);
	sigaction(SIGALRM, &action, NULL);
	for (enum kind kind = 0; kind < KINDS; kind++) {
		pthread_t threads[4], churner;
		int64_t sum = 0;

		if (kind == ADD_CID && rk_area_valid < RK_FIELD_END_MM_CID)
			continue;
		for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
			*(int64_t *)rk_percpu_slot(item, cpu) = 0;
		__atomic_store_n(&stop, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&finished, 0, __ATOMIC_RELAXED);
		alarms_begin(40);
		for (int i = 0; i < 4; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, increment, &kind), 0);
		assert_int_equal(pthread_create(&churner, NULL, churn, threads), 0);
		/*
		 * The thread that runs churn() must stop before any other thread is joined, because it uses the other
		 * threads' ids, and an id is only valid until the join.
		 */
		while (__atomic_load_n(&finished, __ATOMIC_ACQUIRE) == 0)
			usleep(1000);
		__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
		assert_int_equal(pthread_join(churner, NULL), 0);
		for (int i = 0; i < 4; i++)
			assert_int_equal(pthread_join(threads[i], NULL), 0);
		alarms_end();
		for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
			sum += *(int64_t *)rk_percpu_slot(item, cpu);
		assert_int_equal(sum, 4 * per_thread);
	}
	signal(SIGALRM, SIG_DFL);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(outcomes_by_cpu),
	cmocka_unit_test(adds_constants_and_variables),
	cmocka_unit_test(outcomes_by_explicit_cpu),
	cmocka_unit_test(outcomes_by_concurrency_id),
	cmocka_unit_test(outcomes_without_registration),
	cmocka_unit_test(current_cpu),
	cmocka_unit_test(exact_under_stress),
};

int main(void)
{
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_item, drop_item);
}
