/* SPDX-License-Identifier: MIT */
/*
 * Tests all operations and counters at once, in a storm (storm.h) whose handlers use the same words and counters. CPUs
 * can go offline and come back during the test.
 *
 * The invariant is the invariant of tally.h: the memory contains exactly what the threads have counted as done.
 */
#include "compound.h"
#ifdef BANKS_H
#include "movers.h"
#endif
#include "storm.h"
#include <rseqkit/ops_cpu.h>

static struct tally total, own[STORM_THREADS_MAX], handled[STORM_THREADS_MAX];
static struct rk_percpu *pool, *compound_pool;

/* Creates, uses and destroys a counter. Other threads may have used the counter's memory before. */
static void use_a_counter(uint64_t *random)
{
	int64_t value = (int64_t)(draw(random) >> 8), n = (int64_t)(draw(random) % 100);
	struct rk_counter *c = NULL;

	EXPECT(rk_counter_create(&c) == 0);
	if (c == NULL)
		return;
	EXPECT(rk_counter_sum(c) == 0);
	for (int64_t i = 0; i < n; i++)
		rk_counter_add(c, value);
	EXPECT(rk_counter_reset(c) == (int64_t)((uint64_t)n * (uint64_t)value));
	EXPECT(rk_counter_sum(c) == 0);
	EXPECT(rk_counter_destroy(c) == 0);
}

/* Allocates an item. The item must have its initial contents, whichever thread wrote to it before. */
static void use_an_item(uint64_t *random)
{
	struct words *item;
	void *allocated = NULL;

	EXPECT(rk_percpu_alloc(pool, &allocated) == 0);
	item = allocated;
	if (item == NULL)
		return;
	for (int i = RK_INDEX_RESERVE; i < 0; i++)
		EXPECT(memcmp(rk_percpu_slot(item, i), &new_words, sizeof(new_words)) == 0);
	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
		EXPECT(memcmp(rk_percpu_slot(item, cpu), &new_words, sizeof(new_words)) == 0);
	for (int i = 0; i < 20; i++)
		(void)rk_cpu_add(&item->added[i % INDICES], (intptr_t)draw(random));
	memset(rk_percpu_slot(item, RK_INDEX_OVERFLOW), (int)*random, sizeof(new_words));
	EXPECT(rk_percpu_free(pool, item) == 0);
}

/*
 * Operates without a registration for a while, as around a vfork. Counters continue in the overflow slot (the memory for
 * threads without rseq), even in handlers.
 */
static void use_the_bracket(struct storm_thread *t)
{
	int r = rk_vfork_begin();

	EXPECT(r == 0 || r == -ENOTSUP);
	for (int i = 0; i < 10; i++) {
		operate(&own[t->number], &t->random);
		operate_compound(&own[t->number], &t->random);
	}
	if (r == 0)
		EXPECT(rk_vfork_end() == 0);
}

/*
 * If the library returns an area, the kernel must confirm that the area is registered. If the library registers
 * threads, it must return an area.
 */
static void compare_registrations(void)
{
	const volatile struct rk_area *area = rk_thread_area();

	EXPECT(area == NULL || kernel_says_registered(area, process_info().length));
	EXPECT(world_owner() != RK_OWNER_SELF || !RK_HAVE_SECTIONS || area != NULL);
}

static void handle(struct storm_thread *t)
{
	handled[t->number].handlers++;
	for (int i = 0; i < 8; i++) {
		operate(&handled[t->number], &t->handler_random);
		operate_compound(&handled[t->number], &t->handler_random);
	}
}

static void fold_and_forget(struct tally *tally)
{
	fold(&total, tally);
	*tally = (struct tally){.handlers = 0};
}

static void live(struct storm_thread *t)
{
	struct tally *mine = &own[t->number];

	for (unsigned batches = 1 + draw(&t->random) % 128; batches > 0 && !stopped(); batches--) {
		for (int i = 0; i < STORM_BATCH && !stopped(); i++) {
			operate(mine, &t->random);
			operate_compound(mine, &t->random);
		}
		mine->taken += (uint64_t)rk_counter_reset(counter);
		use_a_counter(&t->random);
		use_an_item(&t->random);
		if (batches % 4 == 0)
			use_the_bracket(t);
		compare_registrations();
		fold_and_forget(mine); /* not only in end(), because this thread can last longer than the storm */
	}
}

static void end(struct storm_thread *t)
{
	fold_and_forget(&own[t->number]);
	fold_and_forget(&handled[t->number]);
}

#ifdef BANKS_H
static void relocate_compound(void *bank, ptrdiff_t distance)
{
	struct compound *slot = bank;

	for (int i = 0; i < INDICES; i++)
		slot->through[i] += distance;
}

static bool banks_are_moved(void)
{
	return count_now(&moved_banks) > 0;
}

static void start_movers(void)
{
	moved[0] = (struct moved){(char *)shared - BANKS_HEADER, as_item(pool), NULL};
	moved[1] = (struct moved){(char *)compound - BANKS_HEADER, as_item(compound_pool), relocate_compound};
}

static void end_movers(void)
{
	printf("# %llu banks moved, %llu times another owner was there; %llu times closed\n",
	       (unsigned long long)moved_banks, (unsigned long long)moves_refused, (unsigned long long)total.closed);
	for (int i = 0; i < 2; i++) {
		move_all_home(&moved[i]);
		assert_int_equal((rk_percpu_free)(i == 0 ? pool : compound_pool, moved[i].spares), 0);
	}
}
#else
#define MOVERS 0
#define keep_moving NULL
#define start_movers() ((void)0)
#define end_movers() ((void)0)
#define banks_are_moved() true
#define reopen_all() ((void)0)
#endif

/* Runs in the only thread of a child. No other thread changes the words, whatever the parent's threads were doing. */
static int fork_child(void)
{
	uint64_t random = 4101842887655102017, added[INDICES], counted = (uint64_t)rk_counter_sum(counter);
	struct tally t = {.handlers = 0};

	alarm(60);
	wrong = 0;
	reopen_all();
	for (int i = 0; i < INDICES; i++)
		added[i] = sum_of(&shared->added[i], false);
	for (int i = 0; i < 100; i++) {
		operate(&t, &random);
		operate_compound(&t, &random);
	}
	use_a_counter(&random);
	use_an_item(&random);
	for (int i = 0; i < INDICES; i++)
		CHECK(sum_of(&shared->added[i], false) == added[i] + t.added[i]);
	CHECK((uint64_t)rk_counter_sum(counter) == counted + t.counted);
	CHECK(wrong == 0);
	return 0;
}

static void set_up(void)
{
	struct rk_percpu_options options = {sizeof(new_words), 0, &new_words, RK_PERCPU_DEBUG};
	struct rk_percpu_options compounds = {.item_size = sizeof(struct compound)};
	void *item;

	assert_int_equal(rk_percpu_create(&pool, &options, sizeof(options)), 0);
	assert_int_equal(rk_percpu_alloc(pool, &item), 0);
	shared = item;
	assert_int_equal(rk_percpu_create(&compound_pool, &compounds, sizeof(compounds)), 0);
	assert_int_equal(rk_percpu_alloc(compound_pool, &item), 0);
	compound = item;
	set_up_compound();
	assert_int_equal(rk_counter_create(&counter), 0);
}

static void report(void)
{
	static const char *const names[INDICES] = {"rk_cpu", "rk_cid", "rk_at"};

	printf("# %llu handlers\n", (unsigned long long)total.handlers);
	for (int i = 0; i < INDICES; i++)
		printf("# %s: %llu adds, %llu swaps\n", names[i], (unsigned long long)total.adds[i],
		       (unsigned long long)total.swapped[i]);
	printf("# %llu popped, %llu stacked and %llu unstacked, %llu logged\n", (unsigned long long)total.popped,
	       (unsigned long long)(total.stacked + total.unstacked), (unsigned long long)total.unstacked,
	       (unsigned long long)total.logged);
	printf("# not done: %llu aborted, %llu unequal, %llu on another CPU, %llu without rseq\n",
	       (unsigned long long)total.aborted, (unsigned long long)total.unequal,
	       (unsigned long long)total.elsewhere, (unsigned long long)total.refused);
	fflush(stdout);
}

static bool is_possible(int index)
{
	return WITH_RSEQ() && (index != BY_CID || rk_area_valid >= RK_FIELD_END_MM_CID);
}

/* `total` contains the tallies of batches that have ended, so only these count. */
static bool enough(void)
{
	bool done = count_now(&total.popped) > 0 && count_now(&total.unstacked) > 0 && count_now(&total.taken_at_once) > 0 &&
		    count_now(&total.logged) > 0 && count_now(&total.through) > 0;

	for (int i = 0; i < INDICES; i++)
		done = done && (!is_possible(i) || (count_now(&total.adds[i]) > 0 && count_now(&total.swapped[i]) > 0));
	return banks_are_moved() && (done || !WITH_RSEQ());
}

static void exact_whatever_happens(void **state)
{
	static const struct storm storm = {live, handle, end, fork_child, keep_moving, MOVERS, enough};

	(void)state;
	set_up();
	start_movers();
	storm_run(&storm);
	end_movers();
	report();
	check_compound(&total);
	assert_int_equal(wrong, 0);
	assert_true(enough());
	if (!WITH_RSEQ())
		assert_int_equal(total.popped + total.unstacked + total.taken_at_once + total.logged + total.through, 0);
	for (int i = 0; i < INDICES; i++) {
		assert_true(sum_of(&shared->added[i], false) == total.added[i]);
		/* In a word, a number has half of the bits, so only these bits are compared. */
		assert_int_equal(sum_of(&shared->swapped[i], true) & LOW, total.swapped[i] & LOW);
		if (!is_possible(i))
			assert_int_equal(total.adds[i] + total.swapped[i], 0);
	}
	assert_true(total.taken + (uint64_t)rk_counter_sum(counter) == total.counted);
	assert_int_equal(rk_counter_destroy(counter), 0);
	assert_int_equal(rk_percpu_free(compound_pool, compound), 0);
	assert_int_equal(rk_percpu_destroy(compound_pool), 0);
	assert_int_equal(rk_percpu_free(pool, shared), 0);
	assert_int_equal(rk_percpu_destroy(pool), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(exact_whatever_happens),
};

RUN(tests)
