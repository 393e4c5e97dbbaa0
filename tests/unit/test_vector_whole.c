/* SPDX-License-Identifier: MIT */
/*
 * Tests that a vector is done whole or not at all: while other threads use the data or run vectors, and with a signal or a fork
 * at each instruction. A vector does several operations on one CPU's data (its bank).
 */
#define INSTRUCTIONS_MAX 4000 /* most instructions lock and unlock the slot; a step aborts the section, which isn't repeated */
#include "interrupt.h"
#include "vectors.h"
#include <rseqkit/ops_cpu.h>
#include <time.h>

/*
 * Vectors run while other threads use the banks and run vectors. Other threads must see either all changes of a
 * vector or none.
 */
struct shared {
	intptr_t adds, first, second;
};
#define ADDS 1000000
static int64_t added, overflows, vectors;
static int adding;

/* Like rk_cpu_bank_add(), but a long time passes after the bank's address is loaded and before the add. */
static enum rk_result __attribute__((__noinline__)) add_late(void *base, ptrdiff_t where, intptr_t value)
{
#if RK_HAVE_SECTIONS
	RK_SECTION(RK_ASM_EXIT(leave) RK_ASM_EXIT(closed),
		   RK_ASM_ENTER_CPU(RK_ASM_C, where, closed) ".rept 2000\n\tnop\n\t.endr\n\t"
		   RK_ASM_COMMIT_ADD(value),
		   RK_LIST(RK_IN(base), RK_IN_WORD(where), RK_IN_WORD(value)), RK_USES_LOADED,
		   leave, closed);
	return RK_DONE;
aborted:
	return RK_ABORTED;
leave:
	return rki_leave();
closed:
	return RK_CLOSED;
#else
	(void)base;
	(void)where;
	(void)value;
	return RK_NO_RSEQ;
#endif
}

static void *add_locally(void *arg)
{
	time_t latest = time(NULL) + TEST_SECONDS / 4;
	int64_t i = 0;

	/*
	 * Adds for a while, and until there were vectors. A busy machine is late in starting the threads that run
	 * vectors.
	 */
	for (; i < ROUNDS(ADDS) || (__atomic_load_n(&vectors, __ATOMIC_RELAXED) < 50 && time(NULL) < latest); i++) {
		enum rk_result result = RK_ABORTED;

		for (int k = 0; k < RK_ABORTS_MAX && result == RK_ABORTED; k++)
			result = i % 8 == 0 ? add_late(item, offsetof(struct shared, adds), 1) :
					      rk_cpu_bank_add(item, offsetof(struct shared, adds), 1);
		if (result != RK_DONE)
			__atomic_fetch_add(&overflows, 1, __ATOMIC_RELAXED);
	}
	__atomic_fetch_add(&added, i, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&adding, 1, __ATOMIC_RELAXED);
	return arg;
}

static void *add_by_vectors(void *arg)
{
	static const intptr_t zero;
	const struct rk_vector_op ops[] = {
		{.code = RK_VECTOR_EQUAL, .length = sizeof(zero), .where = 64, .from = &zero},
		{.code = RK_VECTOR_ADD, .length = sizeof(intptr_t), .where = offsetof(struct shared, first), .operand = 1},
		{.code = RK_VECTOR_ADD, .length = sizeof(intptr_t), .where = offsetof(struct shared, second), .operand = 1},
	};

	while (__atomic_load_n(&adding, __ATOMIC_RELAXED) > 0) {
		for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu)) {
			int r = rk_percpu_vector(pool, item, cpu, ops, 3);

			if (r == 0)
				__atomic_fetch_add(&vectors, 1, __ATOMIC_RELAXED);
			else if (r != -EBUSY)
				return NULL;
		}
	}
	return arg;
}

static void beside_users(void **state)
{
	enum { ADDERS = 3, OTHERS = 2 };
	pthread_t threads[ADDERS + OTHERS];
	int64_t adds = 0, first = 0;

	(void)state;
	assert_int_equal(rk_percpu_free(pool, item), 0);
	assert_int_equal(rk_percpu_alloc(pool, &item), 0);
	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
		assert_int_equal(rk_percpu_open(pool, item, cpu), 0);
	adding = ADDERS;
	for (int i = 0; i < ADDERS + OTHERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, i < ADDERS ? add_locally : add_by_vectors, &adding), 0);
	for (int i = 0; i < ADDERS + OTHERS; i++) {
		void *done;

		pthread_join(threads[i], &done);
		assert_non_null(done);
	}
	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu)) {
		struct shared *shared = (struct shared *)(void *)bank_of(cpu);

		assert_int_equal(shared->first, shared->second);
		adds += shared->adds;
		first += shared->first;
	}
	printf("# %lld adds, %lld of them in overflow, beside %lld vectors\n", (long long)added,
	       (long long)overflows, (long long)vectors);
	assert_int_equal(adds + overflows, added);
	assert_int_equal(first, vectors);
	assert_true(vectors > 0);
}

/* The following functions are for tests that interrupt a vector at each instruction. */
static void open_slot(void)
{
	*slot_of(here) = (struct rk_bank_slot){.bank = 0};
	CHECK(rk_percpu_open(pool, item, here) == 0);
	memset(bank_of(here), 0, SIZE);
}

static int add_to_both(void)
{
	static const struct rk_vector_op ops[] = {
		{.code = RK_VECTOR_ADD, .length = 8, .operand = 1},
		{.code = RK_VECTOR_ADD, .length = 8, .where = 64, .operand = 1},
	};

	return rk_percpu_vector(pool, item, here, ops, 2);
}

static void work(void)
{
	CHECK(add_to_both() == 0);
}

static int has(uint64_t value)
{
	const uint64_t *words = (const uint64_t *)(const void *)bank_of(here);

	return slot_of(here)->bank > 0 && words[0] == value && words[8] == value && slot_of(here)->taken == 0 &&
			       slot_of(here)->claim.holder == 0 ?
		       0 :
		       1;
}

static int worked(void)
{
	return has(1);
}

/*
 * Another thread forked; this function runs in the child. The interrupted vector is done whole or not at all, and the
 * slot works.
 */
static int work_in_child(void)
{
	CHECK(add_to_both() == 0);
	return has(1) == 0 || has(2) == 0 ? 0 : 1;
}

static void fork_by_another(void)
{
	fork_in_another_thread(work_in_child);
}

/*
 * A handler's vector is either refused or done whole. The handler can't take the bank that the interrupted vector
 * works on.
 */
static bool handled;

static void work_as_well(void)
{
	intptr_t other[SIZE / sizeof(intptr_t)] = {0};
	void *bank;
	int r = add_to_both();

	CHECK(r == 0 || r == -EBUSY);
	handled = r == 0;
	if (r == 0)
		return;
	r = rk_bank_take(item, here, other, &bank);
	CHECK(r == -EPERM); /* refused, although this thread holds the claim */
	CHECK(rk_bank_done(item, here) == -EPERM);
}

static int worked_as_well(void)
{
	return has(handled ? 2 : 1);
}

static void at_every_instruction(void **state)
{
	static const struct interrupted with[] = {
		{open_slot, work, fork_by_another, worked, false},
		{open_slot, work, fork_this_thread, worked, false},
		{open_slot, work, work_as_well, worked_as_well, false},
	};

	(void)state;
	interrupt_each(with, sizeof(with) / sizeof(with[0]));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(beside_users),
	cmocka_unit_test(at_every_instruction),
};

RUN_WITH_ITEM(tests)
