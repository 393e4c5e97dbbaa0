/* SPDX-License-Identifier: MIT */
/*
 * Tests data of each CPU under per-CPU locks, in a storm (storm.h). The invariant: a holder finds the data whole, as the last
 * holder left it, and no write is lost. Only the lock keeps holders from using the data at the same time, so ThreadSanitizer
 * also checks the lock.
 */
#include "duel.h"

#define WORDS 8

struct data {
	uint64_t words[WORDS]; /* all words are equal: each is the number of writes */
};

static struct rk_lock *lock;
static uint64_t written, refused;

/* Writes slowly, so a thread that got the data meanwhile would see a half-written state. */
static void write_it(struct data *data, uint64_t pause)
{
	uint64_t next = *(volatile uint64_t *)&data->words[0] + 1;

	for (int i = 0; i < WORDS; i++) {
		EXPECT(*(volatile uint64_t *)&data->words[i] == next - 1);
		*(volatile uint64_t *)&data->words[i] = next;
		for (volatile uint64_t left = pause; left > 0; left--)
			;
	}
	__atomic_fetch_add(&written, 1, __ATOMIC_RELAXED);
}

static int take(uint64_t *random, bool wait, void **data)
{
	int64_t nanoseconds = !wait ? 0 : draw(random) % 8 == 0 ? 1000000 : INT64_MAX;

	switch (draw(random) % 32) {
	case 0:
		return rki_lock_here_slow(lock, nanoseconds, data, RK_NO_RSEQ);
	case 1:
		return rki_lock_here_slow(lock, nanoseconds, data, RK_ABORTED);
	case 2:
		return rk_lock_cpu_for(lock, any_cpu(random), nanoseconds, data);
	case 3:
		return rk_lock_cpu_for(lock, RK_INDEX_OVERFLOW, nanoseconds, data);
	default:
		return rk_lock_here_for(lock, nanoseconds, data);
	}
}

static void use_for(uint64_t *random, bool wait)
{
	void *data;
	int r = take(random, wait, &data);

	EXPECT(r == 0 || (!wait && r == -EBUSY) || (wait && r == -ETIMEDOUT));
	if (r < 0) {
		__atomic_fetch_add(&refused, 1, __ATOMIC_RELAXED);
		return;
	}
	write_it(data, draw(random) % 16 == 0 ? 200 : 0);
	if (draw(random) % 128 == 0)
		sched_yield();
	EXPECT(rk_lock_release(lock, data) == 0);
}

static void use(uint64_t *random)
{
	use_for(random, draw(random) % 4 != 0);
}

static void live(struct storm_thread *t)
{
	storm_use(t, use);
}

static void handle(struct storm_thread *t)
{
	for (int i = 0; i < 4; i++)
		use_for(&t->handler_random, false);
}

/* Runs in a child. If the acquisition of a lock returns 0, the data must be whole. */
static int child(void)
{
	uint64_t random = 88172645463325252;
	int cpu = RK_INDEX_OVERFLOW;

	alarm(60);
	do {
		struct data *data;
		void *taken;
		int r = rk_lock_cpu(lock, cpu, &taken);

		EXPECT(r == 0 || r == 1);
		data = taken;
		for (int i = 1; i < WORDS; i++) {
			EXPECT(r == 1 || data->words[i] == data->words[0]);
			data->words[i] = data->words[0];
		}
		EXPECT(rk_lock_release(lock, data) == 0);
	} while ((cpu = rk_cpus_next(cpu)) >= 0);
	for (int i = 0; i < 100; i++)
		use_for(&random, true);
	return wrong == 0 ? 0 : 1;
}

/* Acquires the locks of random CPUs, by rk_lock_cpu_for(). */
static void *go_round(void *stop)
{
	uint64_t random = 2463534242 ^ (uintptr_t)&random;

	while (!__atomic_load_n((int *)stop, __ATOMIC_RELAXED)) {
		void *data;
		int r = rk_lock_cpu_for(lock, any_cpu(&random), draw(&random) % 4 * 1000000, &data);

		EXPECT(r == 0 || r == -EBUSY || r == -ETIMEDOUT);
		if (r < 0) {
			__atomic_fetch_add(&refused, 1, __ATOMIC_RELAXED);
			continue;
		}
		write_it(data, draw(&random) % 200);
		EXPECT(rk_lock_release(lock, data) == 0);
		if (draw(&random) % 4 == 0)
			usleep(100);
	}
	return NULL;
}

/* Checks that no write was lost. */
static void count(void)
{
	int cpu = RK_INDEX_OVERFLOW;
	uint64_t sum = 0;

	do {
		const struct data *data;
		void *taken;

		assert_int_equal(rk_lock_cpu_try(lock, cpu, &taken), 0);
		data = taken;
		sum += data->words[0];
		for (int i = 1; i < WORDS; i++)
			assert_int_equal(data->words[i], data->words[0]);
		assert_int_equal(rk_lock_release(lock, taken), 0);
	} while ((cpu = rk_cpus_next(cpu)) >= 0);
	printf("# %llu written, %llu refused\n", (unsigned long long)written, (unsigned long long)refused);
	assert_int_equal(wrong, 0);
	assert_int_equal(sum, written);
	assert_true(written > 0);
	assert_int_equal(rk_lock_destroy(lock), 0);
}

static void begin(void)
{
	written = refused = 0;
	assert_int_equal(rk_lock_create(&lock, sizeof(struct data)), 0);
}

static bool enough(void)
{
	return count_now(&written) > 0;
}

static void in_a_storm(void **state)
{
	static const struct storm storm = {live, handle, NULL, child, go_round, 2, enough};

	(void)state;
	begin();
	storm_run(&storm);
	count();
}

/* A thread uses the lock of its own CPU. A remote owner, a thread on another CPU, acquires the same lock at any moment. */
static int its_cpu;

static void one_here(bool slowly, uint64_t *random)
{
	void *data;

	__atomic_store_n(&its_cpu, sched_getcpu(), __ATOMIC_RELAXED);
	if (slowly)
		EXPECT(rki_lock_here_slow(lock, INT64_MAX, &data, RK_NO_RSEQ) == 0);
	else
		EXPECT(rk_lock_here(lock, &data) == 0);
	write_it(data, draw(random) % 200);
	EXPECT(rk_lock_release(lock, data) == 0);
}

static void one_elsewhere(uint64_t *random)
{
	void *data;

	EXPECT(rk_lock_cpu(lock, draw(random) % 4 == 0 ? RK_INDEX_OVERFLOW : __atomic_load_n(&its_cpu, __ATOMIC_RELAXED), &data) == 0);
	write_it(data, draw(random) % 500);
	EXPECT(rk_lock_release(lock, data) == 0);
}

static void at_any_moment(void **state)
{
	(void)state;
	begin();
	duel(one_here, one_elsewhere);
	count();
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(in_a_storm),
	cmocka_unit_test(at_any_moment),
};

RUN(tests)
