/* SPDX-License-Identifier: MIT */
/*
 * Tests gates. A gate is a word that names an item of per-CPU memory. An operation either works on the item that the
 * word names, or returns that the gate is closed. After the word has changed and all CPUs were fenced, no operation
 * works on the old item. A storm (storm.h) checks this. test_window.c moves threads to another CPU at each instruction
 * of these operations.
 */
#include "storm.h"
#include <rseqkit/ops_cpu.h>

#define ITEMS 2

struct words {
	intptr_t entered, added;
};

static struct rk_percpu *pool;
static struct words *items[ITEMS];
static intptr_t gate;

static const volatile intptr_t minus_three = -3; /* volatile, so that the compiler can't use an immediate operand */

static int make_items(void **state)
{
	struct rk_percpu_options options = {.item_size = sizeof(struct words)};
	int r;

	(void)state;
	r = rk_percpu_create(&pool, &options, sizeof(options));
	for (int i = 0; i < ITEMS && r == 0; i++) {
		void *item;

		r = rk_percpu_alloc(pool, &item);
		items[i] = item;
	}
	return r;
}

static int drop_items(void **state)
{
	(void)state;
	for (int i = 0; i < ITEMS; i++)
		if (rk_percpu_free(pool, items[i]) != 0)
			return 1;
	return rk_percpu_destroy(pool);
}

static struct words sum_of(const struct words *item)
{
	struct words sum = {0, 0};

	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu)) {
		const struct words *words = (const struct words *)rk_percpu_slot(item, cpu);

		sum.entered += __atomic_load_n(&words->entered, __ATOMIC_RELAXED);
		sum.added += __atomic_load_n(&words->added, __ATOMIC_RELAXED);
	}
	return sum;
}

#define ADDED ((ptrdiff_t)offsetof(struct words, added))

static enum rk_result surely(enum rk_result (*operation)(void))
{
	enum rk_result result = RK_ABORTED;

	for (int i = 0; i < 1000 && result == RK_ABORTED; i++)
		result = operation();
	return result;
}

static void *entered;

static enum rk_result add_constant(void)
{
	return rk_gate_add(&gate, ADDED, 5);
}

static enum rk_result add_variable(void)
{
	return rk_gate_add(&gate, ADDED, minus_three);
}

static enum rk_result enter(void)
{
	entered = &gate; /* a value that is neither NULL nor an item */
	return rk_gate_enter(&gate, &entered);
}

static enum rk_result leave(void)
{
	return rk_cpu_add(entered, -1);
}

static void goes_where_the_word_leads(void **state)
{
	(void)state;
	if (!WITH_RSEQ())
		SKIP("no rseq");
	for (int i = 0; i < ITEMS; i++) {
		gate = (intptr_t)items[i];
		assert_int_equal(surely(add_constant), RK_DONE);
		assert_int_equal(surely(add_variable), RK_DONE);
		assert_int_equal(sum_of(items[i]).added, 2);
		assert_int_equal(surely(enter), RK_DONE);
		assert_ptr_equal(entered, items[i]);
		assert_int_equal(sum_of(items[i]).entered, 1);
	}
	assert_int_equal(surely(leave), RK_DONE);
	assert_int_equal(sum_of(items[0]).entered, 1);
	assert_int_equal(sum_of(items[1]).entered, 0);
	entered = items[0];
	assert_int_equal(surely(leave), RK_DONE);
	assert_int_equal(sum_of(items[0]).entered, 0);
}

static void refused(enum rk_result how)
{
	struct words before = sum_of(items[0]);

	assert_int_equal(surely(add_constant), how);
	assert_int_equal(surely(add_variable), how);
	assert_int_equal(surely(enter), how);
	assert_null(entered);
	assert_int_equal(sum_of(items[0]).added, before.added);
	assert_int_equal(sum_of(items[0]).entered, before.entered);
}

static void closed_or_without_rseq(void **state)
{
	(void)state;
	gate = 0;
	refused(WITH_RSEQ() ? RK_CLOSED : RK_NO_RSEQ);
	gate = (intptr_t)items[0];
	assert_int_equal(rk_vfork_begin(), 0);
	refused(RK_NO_RSEQ);
	assert_int_equal(rk_vfork_end(), 0);
}

static uint64_t added, turns, turned_back;

static void use(uint64_t *random)
{
	int64_t before = __atomic_load_n(&gate, __ATOMIC_RELAXED);
	void *item;

	if (rk_gate_add(&gate, ADDED, 1) == RK_DONE)
		__atomic_fetch_add(&added, 1, __ATOMIC_RELAXED);
	else if (before == 0)
		__atomic_fetch_add(&turned_back, 1, __ATOMIC_RELAXED);
	if (draw(random) % 4 == 0 && rk_gate_enter(&gate, &item) == RK_DONE) {
		EXPECT(item == items[0] || item == items[1]);
		while (rk_cpu_add(item, -1) != RK_DONE)
			;
	}
}

static void live(struct storm_thread *t)
{
	storm_use(t, use);
}

static void handle(struct storm_thread *t)
{
	for (int i = 0; i < 4; i++)
		use(&t->handler_random);
}

static int child(void)
{
	gate = (intptr_t)items[0];
	CHECK(!WITH_RSEQ() || surely(add_constant) == RK_DONE);
	return wrong == 0 ? 0 : 1;
}

/* Makes the gate name another item or no item, again and again. After each fence, no thread adds to the old item. */
static void *keep_turning(void *stop)
{
	uint64_t random = 2463534242;

	while (!__atomic_load_n((int *)stop, __ATOMIC_RELAXED)) {
		struct words *left = (struct words *)gate;
		intptr_t next = draw(&random) % 4 == 0 ? 0 : (intptr_t)items[draw(&random) % ITEMS];
		intptr_t sum;

		if (next == (intptr_t)left)
			continue;
		__atomic_store_n(&gate, next, __ATOMIC_RELEASE);
		EXPECT(rk_fence_all() == 0);
		__atomic_fetch_add(&turns, 1, __ATOMIC_RELAXED);
		if (left == NULL)
			continue;
		sum = sum_of(left).added;
		for (int i = 0; i < 20; i++)
			EXPECT(sum_of(left).added == sum);
	}
	return NULL;
}

static bool enough(void)
{
	return count_now(&turns) > 0 && (!WITH_RSEQ() || count_now(&added) > 0);
}

static void none_stays(void **state)
{
	static const struct storm storm = {live, handle, NULL, child, keep_turning, 1, enough};
	intptr_t sum = 0;

	(void)state;
	for (int i = 0; i < ITEMS; i++)
		sum -= sum_of(items[i]).added;
	gate = (intptr_t)items[0];
	storm_run(&storm);
	for (int i = 0; i < ITEMS; i++) {
		sum += sum_of(items[i]).added;
		assert_int_equal(sum_of(items[i]).entered, 0);
	}
	printf("# %llu turns, %llu adds, %llu refused\n", (unsigned long long)turns, (unsigned long long)added,
	       (unsigned long long)turned_back);
	assert_int_equal(wrong, 0);
	assert_int_equal(sum, added);
	assert_true(enough());
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(goes_where_the_word_leads, make_items, drop_items),
	cmocka_unit_test_setup_teardown(closed_or_without_rseq, make_items, drop_items),
	cmocka_unit_test_setup_teardown(none_stays, make_items, drop_items),
};

RUN(tests)
