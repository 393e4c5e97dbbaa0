/* SPDX-License-Identifier: MIT */
/*
 * one_cpu.h - a thread that is bound to one CPU, an item of per-CPU memory, and checks of the results. The thread works on one
 * slot, which is a CPU's copy of the item.
 */
#ifndef ONE_CPU_H
#define ONE_CPU_H

#include "test.h"
#include "by_index.h"
#include <sched.h>

#define GUARD 16 /* bytes on each side of the copied bytes */
#ifdef BANKS_H /* a bank is smaller than a slot */
#define LENGTH_MAX 3900
#else
#define LENGTH_MAX 5000
#endif

/* The contents of a slot. `word` is between two other words, so that tests can use positive and negative offsets. */
struct slot {
	intptr_t before, word, following;
	unsigned char bytes[GUARD + LENGTH_MAX + GUARD];
};

#define BEFORE (-(ptrdiff_t)sizeof(intptr_t))
#define FOLLOWING ((ptrdiff_t)sizeof(intptr_t))
#define WIDE INTPTR_MIN /* a value that doesn't fit an immediate operand */

static struct rk_percpu *pool;
static struct slot *item;
static int cpu; /* the CPU that this thread is bound to */

static int make_item(void **state)
{
	struct rk_percpu_options options = {.item_size = sizeof(struct slot)};
	cpu_set_t set;
	void *allocated;

	(void)state;
	if (rk_percpu_create(&pool, &options, sizeof(options)) != 0 || rk_percpu_alloc(pool, &allocated) != 0 ||
	    sched_getaffinity(0, sizeof(set), &set) != 0)
		return 1;
	item = allocated;
	/* Uses the highest CPU, so that the test notices an operation that uses index 0 by mistake. */
	for (cpu = CPU_SETSIZE - 1; !CPU_ISSET(cpu, &set); cpu--)
		;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

static int drop_item(void **state)
{
	(void)state;
	return rk_percpu_free(pool, item) != 0 || rk_percpu_destroy(pool) != 0;
}

static bool works(enum index index)
{
	return WITH_RSEQ() && (index != BY_CID || rk_area_valid >= RK_FIELD_END_MM_CID);
}

/*
 * Returns the slot that operations use with this kind of index (by_index.h). This process has one thread, so its concurrency id
 * is 0.
 */
static struct slot *slot_of(enum index index)
{
	return rk_percpu_slot(item, index == BY_CID ? 0 : cpu);
}

#define EACH_INDEX(index) for (enum index index = 0; index < INDICES; index++)

/*
 * A preemption inside a section aborts the section. After an abort, EXPECT repeats the operation, as every caller
 * must.
 */
#define EXPECT(outcome, index, verb, ...)                                                                              \
	do {                                                                                                           \
		enum rk_result expect_result_;                                                                         \
		do                                                                                                     \
			expect_result_ = BY_INDEX(index, cpu, verb, __VA_ARGS__);                                      \
		while (expect_result_ == RK_ABORTED);                                                                  \
		assert_int_equal(expect_result_, works(index) ? (outcome) : RK_NO_RSEQ);                               \
	} while (0)

/*
 * Makes the compiler hold `value` in the register `name` at this point. If the compiler can, it leaves the value in
 * the register.
 */
#define THROUGH_REGISTER(name, value)                                                                                  \
	do {                                                                                                           \
		register uintptr_t there_ __asm__(name) = (value);                                                     \
                                                                                                                       \
		__asm__ __volatile__("" : "+r"(there_));                                                               \
		(value) = there_;                                                                                      \
	} while (0)

/* Checks that an operation keeps the value of a register. */
#define EXPECT_KEPT(name, index, verb, ...)                                                                            \
	do {                                                                                                           \
		uintptr_t kept_ = 0x5a5a5a5a;                                                                          \
		enum rk_result kept_result_;                                                                           \
                                                                                                                       \
		do {                                                                                                   \
			THROUGH_REGISTER(name, kept_);                                                                 \
			kept_result_ = BY_INDEX(index, cpu, verb, __VA_ARGS__);                                        \
			THROUGH_REGISTER(name, kept_);                                                                 \
			assert_int_equal(kept_, 0x5a5a5a5a);                                                           \
		} while (kept_result_ == RK_ABORTED);                                                                  \
		assert_int_equal(kept_result_, RK_DONE);                                                               \
	} while (0)

/* Runs check(name, index) for each register that the critical sections use. */
#if defined(__x86_64__)
#define EACH_REGISTER(check, index)                                                                                    \
	do {                                                                                                           \
		check("rax", index);                                                                                   \
		check("rcx", index);                                                                                   \
		check("rdx", index);                                                                                   \
		check("rsi", index);                                                                                   \
		check("rdi", index);                                                                                   \
	} while (0)
#elif defined(__aarch64__)
#define EACH_REGISTER(check, index)                                                                                    \
	do {                                                                                                           \
		check("x13", index);                                                                                   \
		check("x14", index);                                                                                   \
		check("x15", index);                                                                                   \
		check("x16", index);                                                                                   \
		check("x17", index);                                                                                   \
	} while (0)
#else
#define EACH_REGISTER(check, index) (void)(index)
#endif

/* Defines a test that runs check(name, index) for each register and each kind of index. */
#define REGISTERS_ARE_KEPT(check)                                                                                      \
	static void registers_are_kept(void **state)                                                                   \
	{                                                                                                              \
		(void)state;                                                                                           \
		if (!works(BY_CPU))                                                                                    \
			SKIP("no rseq, or a build without critical sections");                                         \
		EACH_INDEX(index)                                                                                      \
			if (works(index))                                                                              \
				EACH_REGISTER(check, index);                                                           \
	}

#define EXPECT_WRONG_CPU(operation)                                                                                    \
	do {                                                                                                           \
		enum rk_result wrong_result_;                                                                          \
                                                                                                                       \
		do                                                                                                     \
			wrong_result_ = (operation);                                                                   \
		while (wrong_result_ == RK_ABORTED);                                                                   \
		assert_int_equal(wrong_result_, RK_WRONG_CPU);                                                         \
	} while (0)

#endif /* ONE_CPU_H */
