/* SPDX-License-Identifier: MIT */
/*
 * Tests banks. A slot is one CPU's copy of per-CPU memory, and a bank is the memory that a slot's first word points to. A
 * remote owner is a thread that works on the bank of any CPU. Each call's result is tested in the thread that works on a bank,
 * in its handler, in another thread, and in a child forked at each instruction of the work. One test opens a slot for the first
 * time in a handler, while the interrupted thread works on this slot. In two tests, a seccomp filter refuses every fence.
 */
#define INSTRUCTIONS_MAX 3000 /* interrupt.h's default is only enough for critical sections */
#include "interrupt.h"
#include "refuse.h"
#include "slots.h"
#include <rseqkit/ops.h>

#define FOR_EVER INT64_MAX

/* The first word of each bank identifies the bank. */
static intptr_t banks[4][8] = {{100}, {101}, {102}, {103}};

static struct rk_bank_slot *slot(void)
{
	return (struct rk_bank_slot *)rk_percpu_slot(slots, here);
}

static void renew_slot(void)
{
	*slot() = (struct rk_bank_slot){.bank = 0};
}

static void banks_are_taken(void **state)
{
	void *bank;

	(void)state;
	renew_slot();
	assert_int_equal(rk_bank_begin_try(slots, -1), -EINVAL);
	assert_int_equal(rk_bank_begin_try(NULL, here), -EINVAL);
	assert_int_equal(rk_bank_begin_try(slots, INT32_MAX), -EINVAL);
	assert_int_equal(rk_bank_take(slots, here, banks[0], &bank), -EPERM);
	assert_int_equal(rk_bank_open(slots, here, banks[0]), -EPERM);
	assert_int_equal(rk_bank_done(slots, here), -EPERM);
	assert_int_equal(rk_bank_begin_for(slots, here, -1), 0); /* the slot is free, so the call doesn't wait */
	assert_int_equal(rk_bank_begin_for(slots, here, -1), -EINVAL);
	assert_int_equal(rk_bank_begin_try(slots, here), -EBUSY);
	assert_int_equal(rk_bank_take(slots, here, (char *)banks[0] + 1, &bank), -EINVAL);
	assert_int_equal(rk_bank_take(slots, here, banks[0], NULL), -EINVAL);
	/* The slot was never opened, so the take returns no bank. */
	assert_int_equal(rk_bank_take(slots, here, banks[0], &bank), 0);
	assert_null(bank);
	assert_int_equal(rk_bank_open_first(slot(), banks[1]), -EEXIST);
	assert_int_equal(rk_bank_take(slots, here, banks[0], &bank), -EINVAL); /* banks[0] is in use already */
	assert_int_equal(rk_bank_take(slots, here, banks[1], &bank), 0);
	assert_ptr_equal(bank, banks[0]);
	/* Until rk_bank_done(), rk_bank_take() returns the same bank again. */
	assert_int_equal(rk_bank_take(slots, here, banks[2], &bank), 1);
	assert_ptr_equal(bank, banks[0]);
	assert_int_equal(rk_bank_done(slots, here), 0);
	assert_int_equal(rk_bank_begin_try(slots, here), 0);
	/* The slot is open. It is closed, and then opened again. */
	assert_int_equal(rk_bank_open(slots, here, banks[2]), -EBUSY);
	assert_int_equal(rk_bank_take_cid(slots, here, NULL, &bank), 0);
	assert_ptr_equal(bank, banks[1]);
	assert_true(slot()->bank == 0 || (slot()->bank & RK_BANK_CLOSED) != 0);
	assert_int_equal(rk_bank_open(slots, here, NULL), -EINVAL);
	assert_int_equal(rk_bank_open(slots, here, (void *)((intptr_t)banks[1] | RK_BANK_CLOSED)), -EINVAL);
	assert_int_equal(rk_bank_open(slots, here, banks[1]), 0);
	assert_int_equal(rk_bank_done(slots, here), 0);
	assert_int_equal(rk_bank_begin_try(slots, here), 0);
	assert_int_equal(rk_bank_take(slots, here, banks[2], &bank), 0);
	assert_ptr_equal(bank, banks[1]);
	assert_int_equal(rk_bank_done(slots, here), 0);
}

static void closed_slots(void **state)
{
	cpu_set_t saved;
	intptr_t value = 7;
	void *bank;
	enum rk_result result;

	(void)state;
	renew_slot();
	if (!RK_HAVE_SECTIONS || !world_has_rseq())
		SKIP("no rseq, or a build without critical sections");
	assert_int_equal(sched_getaffinity(0, sizeof(saved), &saved), 0);
	pin(here);
#define EXPECT_RESULT(expected, operation)                                                                             \
	do                                                                                                             \
		result = operation;                                                                                    \
	while (result == RK_ABORTED);                                                                                  \
	assert_int_equal(result, expected)
	EXPECT_RESULT(RK_CLOSED, rk_cpu_bank_add(slots, 0, 1)); /* the slot was never opened */
	assert_int_equal(rk_bank_begin_try(slots, here), 0);
	assert_int_equal(rk_bank_take(slots, here, NULL, &bank), 0);
	assert_null(bank);
	EXPECT_RESULT(RK_CLOSED, rk_cpu_bank_add(slots, 0, 1));
	assert_int_equal(rk_bank_open_first(slot(), banks[0]), -EEXIST); /* the remote owner has closed the slot */
	assert_int_equal(rk_bank_open(slots, here, banks[0]), 0);
	EXPECT_RESULT(RK_DONE, rk_cpu_bank_add(slots, 0, 1));
	assert_int_equal(banks[0][0], 101);
	assert_int_equal(rk_bank_take(slots, here, NULL, &bank), 0);
	assert_ptr_equal(bank, banks[0]);
	EXPECT_RESULT(RK_CLOSED, rk_cpu_bank_add(slots, 0, 1));
	EXPECT_RESULT(RK_CLOSED, rk_cpu_bank_load(slots, 0, &value));
	assert_int_equal(value, 0);
	EXPECT_RESULT(RK_CLOSED, rk_at_bank_store_if_equal(slots, 0, 101, 5, here));
	EXPECT_RESULT(RK_CLOSED, rk_cpu_bank_pop(slots, 0, 0, 0, &bank));
	assert_null(bank);
	EXPECT_RESULT(RK_WRONG_CPU, rk_at_bank_add(slots, 0, 1, here + 1));
	assert_int_equal(banks[0][0], 101);
	banks[0][0] = 100;
	assert_int_equal(rk_bank_done(slots, here), 0);
	EXPECT_RESULT(RK_CLOSED, rk_cpu_bank_add(slots, 0, 1)); /* the slot stays closed */
	assert_int_equal(sched_setaffinity(0, sizeof(saved), &saved), 0);
}

/* A filter refuses this thread's fences, so its rk_bank_take() takes the bank off the slot, but no thread owns the bank. */
static void *take_without_fence(void *arg)
{
	void *bank = &bank;

	(void)arg;
	refuse(SYS_membarrier, SYS_sched_setaffinity, EPERM);
	CHECK(rk_bank_begin_try(slots, here) == 0);
	CHECK(rk_bank_take(slots, here, banks[1], &bank) == -EHOSTUNREACH && bank == NULL);
	CHECK(rk_bank_take(slots, here, banks[2], &bank) == -ESTALE && bank == NULL); /* banks[2] isn't used */
	CHECK(rk_bank_done(slots, here) == 0);
	return NULL;
}

static void *close_without_fence(void *arg)
{
	void *bank;

	refuse(SYS_membarrier, SYS_sched_setaffinity, EPERM);
	CHECK(rk_bank_begin_try(slots, here) == 0);
	CHECK(rk_bank_take(slots, here, NULL, &bank) == -EHOSTUNREACH && bank == NULL);
	CHECK(rk_bank_done(slots, here) == 0);
	return arg;
}

static int quarantined(void)
{
	pthread_t thread;
	void *bank;

	CHECK(rk_bank_open_first(slot(), banks[0]) == 0);
	CHECK(pthread_create(&thread, NULL, take_without_fence, NULL) == 0 && pthread_join(thread, NULL) == 0);
	CHECK(slot()->bank == (intptr_t)banks[1]);
	CHECK(rk_bank_begin_try(slots, here) == 0);
	CHECK(rk_bank_take(slots, here, banks[2], &bank) == 1 && bank == banks[0]);
	CHECK(rk_bank_done(slots, here) == 0);
	CHECK(rk_bank_begin_try(slots, here) == 0);
	CHECK(rk_bank_take(slots, here, banks[2], &bank) == 0 && bank == banks[1]);
	CHECK(rk_bank_done(slots, here) == 0);
	return 0;
}

static void bank_without_a_fence(void **state)
{
	(void)state;
	renew_slot();
	assert_int_equal(in_child(quarantined), 0);
}

/*
 * The following functions test work on a bank, interrupted at every instruction. After `disposed` is set, the old bank
 * belongs to the interrupted thread.
 */
static volatile bool disposed;

static void open_slot(void)
{
	disposed = false;
	renew_slot();
	(void)rk_bank_open_first(slot(), banks[0]);
}

static void work(void)
{
	void *bank;

	CHECK(rk_bank_begin_try(slots, here) >= 0);
	CHECK(rk_bank_take(slots, here, banks[1], &bank) == 0 && bank == banks[0]);
	disposed = true;
	CHECK(rk_bank_done(slots, here) == 0);
}

static int worked(void)
{
	return slot()->bank == (intptr_t)banks[1] && slot()->taken == 0 && slot()->claim.holder == 0 ? 0 : 1;
}

/*
 * Another thread forked; this function runs in the child. It takes one bank after another off the slot, and leaves
 * other banks there. It must get each bank once.
 */
static int take_all(void)
{
	int times[4] = {0};
	void *bank;

	for (int i = 2, r = 1; r == 1; i++) {
		CHECK(i < 4 && rk_bank_begin_try(slots, here) >= 0);
		r = rk_bank_take(slots, here, banks[i], &bank);
		CHECK(r >= 0);
		for (int k = 0; k < 4; k++)
			times[k] += bank == banks[k];
		CHECK(rk_bank_done(slots, here) == 0);
	}
	CHECK(times[0] == 1 || (disposed && times[0] == 0));
	CHECK(times[1] <= 1 && times[2] + times[3] == 0 && times[0] + times[1] >= 1);
	return 0;
}

static void fork_by_another(void)
{
	fork_in_another_thread(take_all);
}

static void forked_at_every_instruction(void **state)
{
	static const struct interrupted w = {open_slot, work, fork_by_another, worked, false};

	(void)state;
	interrupt_each(&w, 1);
}

/*
 * The interrupted thread forks. Both the parent and the child continue. The child's thread owns what the forking
 * thread owned.
 */
static void forks_at_every_instruction(void **state)
{
	static const struct interrupted w = {open_slot, work, fork_this_thread, worked, false};

	(void)state;
	interrupt_each(&w, 1);
}

/*
 * A handler wants the slot that its thread works on, without a limit of time. The handler's call either returns an
 * error, or the handler does all of its work.
 */
static void work_as_well(void)
{
	void *bank;
	int r = rk_bank_begin_for(slots, here, FOR_EVER);

	if (r == -EDEADLK)
		return;
	CHECK(r == 0 && rk_bank_take(slots, here, slot()->bank == (intptr_t)banks[0] ?
								 banks[2] : banks[0], &bank) == 0);
	CHECK(bank == banks[0] || bank == banks[1]);
	CHECK(rk_bank_open(slots, here, banks[3]) == -EBUSY);
	/* Puts the old bank back. */
	CHECK(rk_bank_done(slots, here) == 0 && rk_bank_begin_try(slots, here) == 0);
	CHECK(rk_bank_take(slots, here, bank, &bank) == 0 && rk_bank_done(slots, here) == 0);
}

static void handled_at_every_instruction(void **state)
{
	static const struct interrupted w = {open_slot, work, work_as_well, worked, false};

	(void)state;
	interrupt_each(&w, 1);
}

/*
 * The following functions use a slot that was never opened. While its remote owner takes the bank or opens the slot, a
 * handler opens the slot for the first time.
 */
static volatile int own_answer, first_answer;
static void *volatile got;

static void renew_for_two(void)
{
	renew_slot();
	own_answer = first_answer = 1;
	got = NULL;
}

static void open_first(void)
{
	first_answer = rk_bank_open_first(slot(), banks[0]);
}

static void take_with_that_bank(void)
{
	void *bank;

	CHECK(rk_bank_begin_try(slots, here) == 0);
	own_answer = rk_bank_take(slots, here, banks[0], &bank);
	got = bank;
	CHECK(rk_bank_done(slots, here) == 0);
}

/* Whichever call came first, banks[0] is in use in the end, and the remote owner gets no bank. */
static int took(void)
{
	bool opened = first_answer == 0 && own_answer == -EINVAL, was_there = first_answer == -EEXIST && own_answer == 0;

	return (opened || was_there) && got == NULL && slot()->bank == (intptr_t)banks[0] &&
			       slot()->taken == 0 ?
		       0 :
		       1;
}

static void open_with_another(void)
{
	CHECK(rk_bank_begin_try(slots, here) == 0);
	own_answer = rk_bank_open(slots, here, banks[1]);
	CHECK(rk_bank_done(slots, here) == 0);
}

static int opened(void)
{
	bool by_first = first_answer == 0 && own_answer == -EBUSY && slot()->bank == (intptr_t)banks[0];
	bool by_owner = first_answer == -EEXIST && own_answer == 0 && slot()->bank == (intptr_t)banks[1];

	return by_first || by_owner ? 0 : 1;
}

static void opened_first_at_every_instruction(void **state)
{
	static const struct interrupted taken = {renew_for_two, take_with_that_bank, open_first, took, false};
	static const struct interrupted open = {renew_for_two, open_with_another, open_first, opened, false};

	(void)state;
	interrupt_each(&taken, 1);
	interrupt_each(&open, 1);
}

/*
 * A bank is taken only once. If a thread closes a slot and calls rk_bank_done(), it owns the bank from then on. The
 * thread also owns the bank if it got the bank by a second rk_bank_take().
 */
static int closed_without_a_fence(void)
{
	pthread_t thread;
	void *bank;

	CHECK(rk_bank_open_first(slot(), banks[0]) == 0);
	CHECK(pthread_create(&thread, NULL, close_without_fence, NULL) == 0 && pthread_join(thread, NULL) == 0);
	CHECK(rk_bank_begin_try(slots, here) == 0);
	CHECK(rk_bank_take(slots, here, banks[2], &bank) == 1 && bank == banks[0]);
	CHECK(rk_bank_done(slots, here) == 0);
	CHECK(rk_bank_begin_try(slots, here) == 0);
	CHECK(rk_bank_take(slots, here, banks[2], &bank) == 0 && bank == NULL);
	CHECK(rk_bank_done(slots, here) == 0);
	return 0;
}

static void closed_and_taken_once(void **state)
{
	void *bank;

	(void)state;
	renew_slot();
	assert_int_equal(rk_bank_open_first(slot(), banks[0]), 0);
	assert_int_equal(rk_bank_begin_try(slots, here), 0);
	assert_int_equal(rk_bank_take(slots, here, NULL, &bank), 0);
	assert_ptr_equal(bank, banks[0]);
	assert_int_equal(rk_bank_done(slots, here), 0);
	assert_int_equal(rk_bank_begin_try(slots, here), 0);
	assert_int_equal(rk_bank_take(slots, here, NULL, &bank), 0);
	assert_null(bank);
	assert_int_equal(rk_bank_open(slots, here, banks[0]), 0);
	assert_int_equal(rk_bank_done(slots, here), 0);
	renew_slot();
	assert_int_equal(in_child(closed_without_a_fence), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(banks_are_taken),
	cmocka_unit_test(closed_slots),
	cmocka_unit_test(bank_without_a_fence),
	cmocka_unit_test(closed_and_taken_once),
	cmocka_unit_test(forked_at_every_instruction),
	cmocka_unit_test(forks_at_every_instruction),
	cmocka_unit_test(handled_at_every_instruction),
	cmocka_unit_test(opened_first_at_every_instruction),
};

int main(void)
{
	cmocka_set_message_output(CM_OUTPUT_TAP);
	alarm(TEST_SECONDS);
	return cmocka_run_group_tests(tests, make_slots, drop_slots);
}
