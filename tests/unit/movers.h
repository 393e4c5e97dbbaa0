/* SPDX-License-Identifier: MIT */
/*
 * movers.h - threads that move banks all the time. A slot is one CPU's copy of per-CPU memory, and its bank is the memory that
 * the slot points to (bank.h). At each step, such a thread chooses a random CPU, and moves this CPU's bank from its home to a
 * spare place or back. Then the thread overwrites the old place. A thread that still uses an old bank makes the test fail.
 */
#ifndef MOVERS_H
#define MOVERS_H

#include "tally.h"

#define MOVERS 2
#define BANK_SIZE (BANKS_PAGE - BANKS_HEADER)

struct moved {
	char *slots, *spares;
	void (*relocate)(void *bank, ptrdiff_t distance); /* adjusts the bank's pointers to its own bytes */
};

static struct moved moved[2];
static uint64_t moved_banks, moves_refused;

static void *as_item(struct rk_percpu *of)
{
	void *item;

	EXPECT((rk_percpu_alloc)(of, &item) == 0);
	return item;
}

/*
 * Copies the bank, makes the slot point to the copy, and only then overwrites the old bank. If another thread forks
 * before the slot points to the copy, the child can still use the old bank.
 */
static void move_bank(const struct moved *m, int cpu)
{
	char *home = (char *)(rk_percpu_slot)(m->slots, cpu) + BANKS_HEADER, *to;
	char *away = (char *)(rk_percpu_slot)(m->spares, cpu) + BANKS_HEADER;
	void *bank = NULL;

	if (rk_bank_begin_try(m->slots, cpu) < 0) {
		__atomic_fetch_add(&moves_refused, 1, __ATOMIC_RELAXED);
		return;
	}
	if (rk_bank_take_cid(m->slots, cpu, NULL, &bank) == 0) { /* fences all CPUs, so operations by concurrency id end, too */
		EXPECT(bank == home || bank == away);
		to = bank == home ? away : home;
		memcpy(to, bank, BANK_SIZE);
		if (m->relocate != NULL)
			m->relocate(to, to - (char *)bank);
		EXPECT(rk_bank_open(m->slots, cpu, to) == 0);
		memset(bank, 0x5e, BANK_SIZE);
		__atomic_fetch_add(&moved_banks, 1, __ATOMIC_RELAXED);
	} else {
		EXPECT(false);
	}
	EXPECT(rk_bank_done(m->slots, cpu) == 0);
}

static void move_all_home(const struct moved *m)
{
	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu)) {
		const struct rk_bank_slot *slot = (struct rk_bank_slot *)(rk_percpu_slot)(m->slots, cpu);

		if (slot->bank != (intptr_t)((const char *)slot + BANKS_HEADER))
			move_bank(m, cpu);
	}
}

/* Runs in a child, and opens the slots that the parent's moving threads had closed. */
static void reopen_all(void)
{
	for (size_t i = 0; i < sizeof(moved) / sizeof(moved[0]); i++)
		for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu)) {
			struct rk_bank_slot *slot = (struct rk_bank_slot *)(rk_percpu_slot)(moved[i].slots, cpu);
			void *bank;

			EXPECT(rk_bank_begin_try(moved[i].slots, cpu) >= 0);
			if (slot->bank == 0 || (slot->bank & RK_BANK_CLOSED) != 0) {
				EXPECT(rk_bank_take(moved[i].slots, cpu, NULL, &bank) >= 0);
				EXPECT(rk_bank_open(moved[i].slots, cpu, bank) == 0);
			}
			EXPECT(rk_bank_done(moved[i].slots, cpu) == 0);
		}
}

static void *keep_moving(void *arg)
{
	const int *stop = (const int *)arg;
	uint64_t random = 88172645463325252 ^ (uintptr_t)&random;

	while (!__atomic_load_n(stop, __ATOMIC_RELAXED)) {
		move_bank(&moved[draw(&random) % 2], any_cpu(&random));
		if (draw(&random) % 8 == 0)
			usleep(20);
	}
	return NULL;
}

#endif /* MOVERS_H */
