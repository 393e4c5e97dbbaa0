/* SPDX-License-Identifier: MIT */
/*
 * table.c - a table of prices that threads read all the time. Meanwhile a writer changes prices in the table, again and again.
 *
 * A change moves an amount from one entry to another, so the sum stays the same. Readers on different CPUs write to no common
 * data. A writer waits until all readers have left their read sections.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <rseqkit.h>

#define THREADS 4
#define LOOKUPS 500000
#define ENTRIES 64
#define CHANGES_AT_LEAST 100
#define PRICE 1000

static struct rk_rwlock *lock;
static int prices[ENTRIES]; /* invariant: their average is PRICE */
static int looking = THREADS;

static int add_up(void)
{
	int sum = 0;

	for (int i = 0; i < ENTRIES; i++)
		sum += prices[i];
	return sum;
}

static void *look_up(void *wrong)
{
	for (int i = 0; i < LOOKUPS; i++) {
		struct rk_rwlock_section *section;

		if (rk_rwlock_read_lock(lock, &section) != 0)
			abort(); /* rk_rwlock_read_lock() fails only for the writer, or in a child of fork */
		if (i % 100 == 0 ? add_up() != ENTRIES * PRICE : prices[i % ENTRIES] < 0)
			*(int *)wrong = 1;
		rk_rwlock_read_unlock(lock, section);
	}
	__atomic_fetch_sub(&looking, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void change(int number)
{
	int by = prices[number % ENTRIES] > 0;

	prices[number % ENTRIES] -= by;
	prices[number * 7 % ENTRIES] += by;
}

int main(void)
{
	pthread_t threads[THREADS];
	int wrong[THREADS] = {0}, any = 0, changes = 0;

	if (rk_rwlock_create(&lock, RK_RWLOCK_WRITERS_FIRST) != 0)
		return 1;
	for (int i = 0; i < ENTRIES; i++)
		prices[i] = PRICE;
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, look_up, &wrong[i]) != 0)
			abort();
	while (changes < CHANGES_AT_LEAST || __atomic_load_n(&looking, __ATOMIC_ACQUIRE) > 0) {
		if (rk_rwlock_write_lock(lock) != 0)
			abort();
		change(changes++);
		if (rk_rwlock_write_unlock(lock) != 0)
			abort();
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		any |= wrong[i];
	}
	printf("%d threads looked it up %d times each; changed %d times\n", THREADS, LOOKUPS, changes);
	return any == 0 && add_up() == ENTRIES * PRICE && rk_rwlock_destroy(lock) == 0 ? 0 : 1;
}
