/* SPDX-License-Identifier: MIT */
/*
 * sessions.c - a table of sessions for each CPU. Threads look sessions up in the table of the CPU that they run on.
 *
 * If the table lacks a session, the thread makes it in this table. Meanwhile another thread sweeps the tables in turn. A sweep
 * drops each session that no thread looked up since the previous sweep.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <rseqkit.h>

#define THREADS 4
#define LOOKUPS 500000
#define ENTRIES 64
#define SWEEPS_AT_LEAST 20

struct session {
	unsigned number; /* 0: no session */
	unsigned asked;  /* the number of look-ups since the last sweep */
};

/* The table of a CPU. Invariant: `used` is the number of entries with a session. */
struct table {
	unsigned used;
	unsigned long made, dropped;
	struct session entries[ENTRIES];
};

static struct rk_lock *lock;
static int looking = THREADS;

static void look_up(struct table *table, unsigned number)
{
	struct session *session = &table->entries[number % ENTRIES];

	if (session->number != number) {
		table->dropped += session->number != 0;
		table->used += session->number == 0;
		table->made++;
		*session = (struct session){number, 0};
	}
	session->asked++;
}

static void *work(void *arg)
{
	unsigned number = *(unsigned *)arg;

	for (int i = 0; i < LOOKUPS; i++) {
		void *data;

		if (rk_lock_here(lock, &data) < 0)
			abort(); /* rk_lock_here() fails only if this thread holds the lock already */
		number = number * 1664525u + 1013904223u;
		look_up(data, 1 + number % 200);
		(void)rk_lock_release(lock, data);
	}
	__atomic_fetch_sub(&looking, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void sweep(struct table *table)
{
	for (int i = 0; i < ENTRIES; i++) {
		struct session *session = &table->entries[i];

		if (session->number != 0 && session->asked == 0) {
			session->number = 0;
			table->used--;
			table->dropped++;
		}
		session->asked = 0;
	}
}

/*
 * Sweeps all tables; the first is the table of threads without rseq. Stores in *used how many sessions are left.
 * Returns 0 if all tables are right, otherwise by how many sessions their members `used` are wrong.
 */
static long go_through(unsigned *used)
{
	int cpu = RK_INDEX_OVERFLOW;
	long wrong = 0;

	*used = 0;
	do {
		struct table *table;
		void *data;

		if (rk_lock_cpu(lock, cpu, &data) < 0)
			abort(); /* the CPU can't be fenced (rseqkit/remote.h), or this thread holds the lock already */
		table = data;
		wrong += labs((long)(table->made - table->dropped) - (long)table->used);
		sweep(table);
		*used += table->used;
		(void)rk_lock_release(lock, data);
	} while ((cpu = rk_cpus_next(cpu)) >= 0);
	return wrong;
}

int main(void)
{
	unsigned numbers[THREADS], sweeps = 0, used;
	pthread_t threads[THREADS];
	long wrong = 0;

	if (rk_lock_create(&lock, sizeof(struct table)) != 0)
		return 1;
	for (unsigned i = 0; i < THREADS; i++) {
		numbers[i] = i;
		if (pthread_create(&threads[i], NULL, work, &numbers[i]) != 0)
			return 1;
	}
	while (__atomic_load_n(&looking, __ATOMIC_RELAXED) > 0 || sweeps < SWEEPS_AT_LEAST) {
		wrong += go_through(&used);
		sweeps++;
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	wrong += go_through(&used);
	printf("%u sweeps, %u sessions left, %ld wrong\n", sweeps, used, wrong);
	return wrong == 0 && rk_lock_destroy(lock) == 0 ? 0 : 2;
}
