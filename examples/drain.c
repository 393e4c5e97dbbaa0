/* SPDX-License-Identifier: MIT */
/*
 * drain.c - takes the counts of other CPUs, while threads on these CPUs continue to count.
 *
 * Each CPU has a slot with two words, the banks. Threads on the CPU count in one bank. Another thread makes them count in the
 * other bank from now on, and then takes the count in the previous one. Each count is taken once, and the threads that count
 * never wait.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <rseqkit.h>
#include <rseqkit/ops_cpu.h>

#define THREADS 4
#define ROUNDS 3000000

/* The slot of a CPU. */
struct counts {
	struct rk_bank_slot slot;
	intptr_t banks[2]; /* one bank is in use, the other is spare */
};

static void *slots; /* an item of per-CPU memory: a struct counts for each CPU */
static intptr_t overflow; /* counts of threads that can't count in a bank, for example without rseq */
static int running = THREADS;

static struct counts *counts_of(int cpu)
{
	return (struct counts *)rk_percpu_slot(slots, cpu);
}

static void count(void)
{
	enum rk_result result = RK_ABORTED;

	for (int i = 0; i < RK_ABORTS_MAX && result != RK_DONE && result != RK_NO_RSEQ; i++) {
		result = rk_cpu_bank_add(slots, 0, 1);
		if (result == RK_CLOSED) {
			/* The first count on a CPU opens the slot. A thread that has moved opens the slot of its new CPU. */
			struct counts *counts = counts_of(rk_cpu());

			(void)rk_bank_open_first(&counts->slot, &counts->banks[0]);
		}
	}
	if (result != RK_DONE)
		__atomic_fetch_add(&overflow, 1, __ATOMIC_RELAXED);
}

static void *work(void *arg)
{
	for (int i = 0; i < ROUNDS; i++)
		count();
	__atomic_fetch_sub(&running, 1, __ATOMIC_RELEASE);
	return arg;
}

/*
 * Returns what threads on a CPU have counted since the last drain of this CPU. If rk_bank_take() returns 1, it gives a bank that
 * was taken before. Either the fence of that take failed (rseqkit/remote.h), or this process was forked without the thread that
 * took the bank. The loop then takes the bank that is in use.
 */
static intptr_t drain(int cpu)
{
	struct counts *counts = counts_of(cpu);
	intptr_t taken = 0;
	int r = 1;

	while (r == 1 && rk_bank_begin_try(slots, cpu) >= 0) {
		/* If count() hasn't opened the slot yet, count() will open it with the first bank. */
		bool second_is_used = counts->slot.bank == (intptr_t)&counts->banks[1];
		void *bank;

		r = rk_bank_take(slots, cpu, &counts->banks[second_is_used ? 0 : 1], &bank);
		if (r >= 0 && bank != NULL) {
			taken += *(intptr_t *)bank; /* the bank belongs to this thread, and is the spare bank from now on */
			*(intptr_t *)bank = 0;
		}
		(void)rk_bank_done(slots, cpu);
	}
	return taken;
}

int main(void)
{
	struct rk_percpu_options options = {.item_size = sizeof(struct counts), .alignment = 64};
	struct rk_percpu *pool;
	pthread_t threads[THREADS];
	intptr_t total = 0, drains = 0;
	int left;

	if (rk_percpu_create(&pool, &options, sizeof(options)) < 0 || rk_percpu_alloc(pool, &slots) < 0)
		return 1;
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, work, NULL) != 0)
			abort();
	do {
		left = __atomic_load_n(&running, __ATOMIC_ACQUIRE);
		for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu), drains++)
			total += drain(cpu);
	} while (left > 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("%ld counts by %d threads, %ld taken by %ld drains, %ld in overflow\n", (long)THREADS * ROUNDS, THREADS,
	       (long)total, (long)drains, (long)overflow);
	if (rk_percpu_free(pool, slots) < 0 || rk_percpu_destroy(pool) < 0)
		return 1;
	return total + overflow == (intptr_t)THREADS * ROUNDS ? 0 : 1;
}
