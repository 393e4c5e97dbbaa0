/* SPDX-License-Identifier: MIT */
/*
 * Tests read sections and grace periods: which readers a grace period waits for, and which readers it ignores. The
 * readers enter in every possible way, and the tests use every kind of fence.
 */
#include "rcu_ways.h"
#include "refuse.h"
#include <sched.h>

static void waits_for_those_who_were_there(void **state)
{
	(void)state;
	create();
	MUST(!waits());
	for (int in = 0; in < WAYS; in++)
		for (int out = 0; out < WAYS; out++) {
			struct rk_rcu_section *before, *later, *nested;
			uint64_t period;

			before = lock((enum way)in);
			nested = lock((enum way)out);
			period = rk_rcu_start(rcu);
			MUST(waits());
			later = lock((enum way)in); /* the period began before this reader, so it doesn't wait for this reader */
			unlock(before, (enum way)out);
			MUST(waits());
			MUST(rk_rcu_destroy(rcu) == -EBUSY);
			unlock(nested, (enum way)in);
			MUST(rk_rcu_poll(rcu, period) == 1);
			MUST(waits());
			unlock(later, (enum way)out);
			MUST(!waits());
			destroy();
			create();
		}
	destroy();
}

/* At every moment a reader is inside, but each reader leaves soon, so grace periods end. */
static void not_for_later_ones(void **state)
{
	struct rk_rcu_section *section, *next;

	(void)state;
	create();
	rk_rcu_read_lock(rcu, &section);
	for (int i = 0; i < 100; i++) {
		uint64_t period = rk_rcu_start(rcu);

		MUST(rk_rcu_poll(rcu, period) == 0);
		rk_rcu_read_lock(rcu, &next);
		MUST(rk_rcu_poll(rcu, period) == 0);
		rk_rcu_read_unlock(rcu, section);
		MUST(rk_rcu_poll(rcu, period) == 1);
		section = next;
	}
	rk_rcu_read_unlock(rcu, section);
	destroy();
}

/*
 * A grace period that began before a call of rk_rcu_start() doesn't always wait for every reader that the caller must wait for.
 * The caller therefore gets the next period, and all callers until then share it.
 */
static void periods_are_shared(void **state)
{
	struct rk_rcu_section *section;
	uint64_t first, second;

	(void)state;
	create();
	rk_rcu_read_lock(rcu, &section);
	first = rk_rcu_start(rcu);
	assert_int_equal(first, rk_rcu_start(rcu));
	assert_int_equal(rk_rcu_poll(rcu, first), 0);
	second = rk_rcu_start(rcu);
	assert_int_equal(second, first + 1);
	assert_int_equal(second, rk_rcu_start(rcu));
	rk_rcu_read_unlock(rcu, section);
	rk_rcu_read_lock(rcu, &section);
	assert_int_equal(rk_rcu_poll(rcu, first), 1);
	assert_int_equal(rk_rcu_poll(rcu, second), 0);
	rk_rcu_read_unlock(rcu, section);
	assert_int_equal(rk_rcu_poll(rcu, second), 1);
	assert_int_equal(rk_rcu_poll(rcu, first), 1);
	destroy();
}

static struct rk_rcu_section *handed_over;

static void *leave_it(void *arg)
{
	struct rk_rcu_section *section;
	cpu_set_t all, one;

	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (!CPU_ISSET(cpu, &all) || sched_setaffinity(0, sizeof(one), &one) != 0)
			continue;
		rk_rcu_read_lock(rcu, &section);
		rk_rcu_read_unlock(rcu, section);
	}
	rk_rcu_read_unlock(rcu, handed_over);
	return arg;
}

static void left_on_another_cpu_in_another_thread(void **state)
{
	pthread_t thread;

	(void)state;
	create();
	for (int i = 0; i < 10; i++) {
		rk_rcu_read_lock(rcu, &handed_over);
		assert_true(waits());
		assert_int_equal(pthread_create(&thread, NULL, leave_it, NULL), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_false(waits());
	}
	destroy();
}

/* Between rk_vfork_begin() and rk_vfork_end(), this thread has no rseq. */
static void without_rseq(void **state)
{
	struct rk_rcu_section *section;

	(void)state;
	create();
	assert_int_equal(rk_vfork_begin(), 0);
	rk_rcu_read_lock(rcu, &section);
	assert_true(waits());
	assert_int_equal(rk_vfork_end(), 0);
	assert_true(waits());
	rk_rcu_read_unlock(rcu, section);
	assert_false(waits());
	rk_rcu_read_lock(rcu, &section);
	assert_int_equal(rk_vfork_begin(), 0);
	rk_rcu_read_unlock(rcu, section);
	assert_false(waits());
	assert_int_equal(rk_vfork_end(), 0);
	destroy();
}

/* If no fence has ever worked, readers use the overflow slot, which is the domain's memory for threads without rseq. */
static int never_fenced(void)
{
	forked = true;
	refuse(SYS_membarrier, SYS_sched_setaffinity, EPERM);
	waits_for_those_who_were_there(NULL);
	not_for_later_ones(NULL);
	create();
	CHECK(rk_gate_add((const intptr_t *)((char *)rcu - RK_STRIDE + RKI_READERS_GATE), 0, 1) != RK_DONE);
	return 0;
}

static void without_any_fence(void **state)
{
	(void)state;
	assert_int_equal(in_child(never_fenced), 0);
}

/* A seccomp filter refuses every kind of fence, so no call reports that a grace period has ended. Readers still work. */
static int fence_lost(void)
{
	struct rk_rcu_section *section;
	uint64_t period;

	forked = true;
	create();
	if (!RK_HAVE_SECTIONS)
		return 0; /* without sections, no fence is needed */
	period = rk_rcu_start(rcu);
	refuse(SYS_membarrier, SYS_sched_setaffinity, EPERM);
	for (int i = 0; i < 3; i++) {
		rk_rcu_read_lock(rcu, &section);
		CHECK(rk_rcu_synchronize(rcu) == -EHOSTUNREACH && rk_rcu_poll(rcu, period) == -EHOSTUNREACH);
		CHECK(rk_rcu_run(rcu, 0) == 0);
		rk_rcu_read_unlock(rcu, section);
	}
	return 0;
}

static void *try_without_a_fence(void *arg)
{
	refuse(SYS_membarrier, SYS_sched_setaffinity, EPERM);
	for (int i = 0; i < 3; i++)
		CHECK(rk_rcu_synchronize(rcu) == (RK_HAVE_SECTIONS ? -EHOSTUNREACH : 0));
	return arg;
}

static void a_fence_that_fails(void **state)
{
	struct rk_rcu_section *section;
	pthread_t thread;

	(void)state;
	assert_int_equal(in_child(fence_lost), 0);
	create();
	assert_int_equal(pthread_create(&thread, NULL, try_without_a_fence, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	/* A call that has a fence continues the period that the failed calls began. */
	rk_rcu_read_lock(rcu, &section);
	assert_true(waits());
	rk_rcu_read_unlock(rcu, section);
	assert_false(waits());
	destroy();
}

static void refuses(void **state)
{
	struct rk_rcu *made = (struct rk_rcu *)state;
	struct rk_rcu_section *section;

	assert_int_equal(rk_rcu_create(NULL, 0), -EINVAL);
	assert_int_equal(rk_rcu_create(&made, (size_t)RK_RCU_CALLS_MAX + 1), -EINVAL);
	assert_null(made);
	assert_int_equal(rk_rcu_destroy(NULL), 0);
	create();
	assert_int_equal(rk_rcu_run(rcu, -1), -EINVAL);
	assert_int_equal(rk_rcu_synchronize_for(rcu, -1), 0); /* there are no readers to wait for */
	rk_rcu_read_lock(rcu, &section);
	assert_int_equal(rk_rcu_synchronize_for(rcu, -1), -EINVAL);
	for (uint64_t ahead = 1; ahead != 0; ahead <<= 1)
		assert_int_equal(rk_rcu_poll(rcu, rk_rcu_start(rcu) + ahead), -EINVAL);
	assert_int_equal(rk_rcu_poll(rcu, UINT64_MAX), -EINVAL);
	assert_int_equal(rk_rcu_poll(rcu, rk_rcu_start(rcu)), 0);
	rk_rcu_read_unlock(rcu, section);
	assert_int_equal(rk_rcu_poll(rcu, rk_rcu_start(rcu)), 1);
	destroy();
	assert_int_equal(rk_rcu_destroy(rcu), -EINVAL);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(waits_for_those_who_were_there),
	cmocka_unit_test(not_for_later_ones),
	cmocka_unit_test(periods_are_shared),
	cmocka_unit_test(left_on_another_cpu_in_another_thread),
	cmocka_unit_test(without_rseq),
	cmocka_unit_test(without_any_fence),
	cmocka_unit_test(a_fence_that_fails),
	cmocka_unit_test(refuses),
};

RUN(tests)
