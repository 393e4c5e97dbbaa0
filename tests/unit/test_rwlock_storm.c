/* SPDX-License-Identifier: MIT */
/*
 * Tests data that is read, and is written in place, in a storm (storm.h). The invariant: the data doesn't change
 * while a reader is inside, and a writer finds the data that the last writer left. Only the lock keeps readers and writers from
 * using the data at the same time, so ThreadSanitizer also checks the lock.
 */
#include "duel.h"

#define WORDS 8

static struct rk_rwlock *lock;
static uint64_t data[WORDS]; /* all words are equal, except while a writer is inside */
static uint64_t sections, refused, written, given_up;

static void look(uint64_t *random)
{
	uint64_t first = *(volatile uint64_t *)&data[0];

	if (draw(random) % 64 == 0)
		sched_yield();
	for (int i = 1; i < WORDS; i++)
		EXPECT(*(volatile uint64_t *)&data[i] == first);
}

static int enter(uint64_t way, int64_t nanoseconds, struct rk_rwlock_section **section)
{
	return way == 0 ? rki_rwlock_read_lock_slow(lock, nanoseconds, section, RK_NO_RSEQ) :
	       way == 1 ? rki_rwlock_read_lock_slow(lock, nanoseconds, section, RK_ABORTED) :
			  rk_rwlock_read_lock_for(lock, nanoseconds, section);
}

static void leave(struct rk_rwlock_section *section, uint64_t *random)
{
	if (draw(random) % 16 == 0)
		rki_rwlock_read_unlock_slow(lock, section, RK_NO_RSEQ);
	else
		rk_rwlock_read_unlock(lock, section);
}

/*
 * Reads, and sometimes begins a second read section inside the first. The second section can begin whether or not a
 * writer waits.
 */
static void use_for(uint64_t *random, int64_t nanoseconds)
{
	struct rk_rwlock_section *outer, *inner;
	int r = enter(draw(random) % 16, nanoseconds, &outer);

	EXPECT(r == 0 || (nanoseconds == 0 && r == -EBUSY));
	if (r != 0) {
		__atomic_fetch_add(&refused, 1, __ATOMIC_RELAXED);
		return;
	}
	look(random);
	if (draw(random) % 8 == 0 && enter(draw(random) % 16, 0, &inner) == 0) {
		look(random);
		leave(outer, random);
		outer = inner;
		look(random);
	}
	leave(outer, random);
	__atomic_fetch_add(&sections, 1, __ATOMIC_RELAXED);
}

static void use(uint64_t *random)
{
	use_for(random, draw(random) % 4 == 0 ? 0 : INT64_MAX);
}

static void live(struct storm_thread *t)
{
	storm_use(t, use);
}

static void handle(struct storm_thread *t)
{
	for (int i = 0; i < 4; i++)
		use_for(&t->handler_random, 0);
	if (draw(&t->handler_random) % 64 == 0 && rk_rwlock_write_lock_try(lock) == 0)
		EXPECT(rk_rwlock_write_unlock(lock) == 0);
}

/* Runs in a child. If another thread was writing at the fork, acquiring the lock returns 1. */
static int child(void)
{
	uint64_t random = 88172645463325252;
	int r;

	alarm(60);
	r = rk_rwlock_write_lock(lock);
	EXPECT(r == 0 || r == 1);
	for (int i = 0; i < WORDS; i++) {
		EXPECT(r == 1 || data[i] == data[0]);
		data[i] = data[0];
	}
	EXPECT(rk_rwlock_write_unlock(lock) == 0);
	for (int i = 0; i < 100; i++)
		use_for(&random, INT64_MAX);
	EXPECT(rk_rwlock_write_lock_try(lock) == 0 && rk_rwlock_write_unlock(lock) == 0);
	return wrong == 0 ? 0 : 1;
}

/* Writes slowly, so a reader that got in meanwhile would see half-written data. */
static void write_it(uint64_t pause)
{
	uint64_t next = *(volatile uint64_t *)&data[0] + 1;

	for (int i = 0; i < WORDS; i++) {
		EXPECT(*(volatile uint64_t *)&data[i] == next - 1);
		*(volatile uint64_t *)&data[i] = next;
		for (volatile uint64_t left = pause; left > 0; left--)
			;
	}
	__atomic_fetch_add(&written, 1, __ATOMIC_RELAXED);
}

static void *keep_writing(void *stop)
{
	uint64_t random = 2463534242 ^ (uintptr_t)&random;

	while (!__atomic_load_n((int *)stop, __ATOMIC_RELAXED)) {
		int r = draw(&random) % 8 == 0 ? rk_rwlock_write_lock_try(lock) : rk_rwlock_write_lock_for(lock, 3000000);

		EXPECT(r == 0 || r == -EBUSY || r == -ETIMEDOUT);
		if (r < 0) {
			__atomic_fetch_add(&given_up, 1, __ATOMIC_RELAXED);
			continue;
		}
		write_it(draw(&random) % 200);
		EXPECT(rk_rwlock_write_unlock(lock) == 0);
		if (draw(&random) % 4 == 0)
			usleep(100);
	}
	return NULL;
}

static bool writers_first_here;

/* If readers go first, it is possible that no writer ever gets the lock. */
static bool enough(void)
{
	return count_now(&sections) > 0 && (!writers_first_here || count_now(&written) > 0);
}

static void in_a_storm(unsigned flags)
{
	static const struct storm storm = {live, handle, NULL, child, keep_writing, 2, enough};

	writers_first_here = flags == RK_RWLOCK_WRITERS_FIRST;
	sections = refused = written = given_up = 0;
	memset(data, 0, sizeof(data));
	assert_int_equal(rk_rwlock_create(&lock, flags), 0);
	storm_run(&storm);
	printf("# %llu sections, %llu refused, %llu written, %llu given up\n", (unsigned long long)sections,
	       (unsigned long long)refused, (unsigned long long)written, (unsigned long long)given_up);
	assert_int_equal(wrong, 0);
	assert_true(enough());
	assert_int_equal(data[0], written);
	assert_int_equal(rk_rwlock_write_lock_try(lock), 0);
	assert_int_equal(rk_rwlock_write_unlock(lock), 0);
	assert_int_equal(rk_rwlock_destroy(lock), 0);
}

static void readers_first(void **state)
{
	(void)state;
	in_a_storm(0);
}

static void writers_first(void **state)
{
	(void)state;
	in_a_storm(RK_RWLOCK_WRITERS_FIRST);
}

/* A reader on one CPU is nearly always inside the lock. A writer on another CPU comes at any moment. */
static void read_one(bool slowly, uint64_t *random)
{
	struct rk_rwlock_section *section;

	EXPECT(enter(slowly ? 0 : 2, INT64_MAX, &section) == 0);
	for (uint64_t looks = draw(random) % 2000; looks > 0 && !wrong; looks--)
		look(random);
	rk_rwlock_read_unlock(lock, section);
}

static void write_one(uint64_t *random)
{
	EXPECT(rk_rwlock_write_lock(lock) == 0);
	write_it(draw(random) % 5000);
	EXPECT(rk_rwlock_write_unlock(lock) == 0);
}

static void at_any_moment(void **state)
{
	(void)state;
	assert_int_equal(rk_rwlock_create(&lock, RK_RWLOCK_WRITERS_FIRST), 0);
	memset(data, 0, sizeof(data));
	duel(read_one, write_one);
	assert_int_equal(rk_rwlock_destroy(lock), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(readers_first),
	cmocka_unit_test(writers_first),
	cmocka_unit_test(at_any_moment),
};

RUN(tests)
