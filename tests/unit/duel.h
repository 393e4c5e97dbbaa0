/* SPDX-License-Identifier: MIT */
/*
 * duel.h - runs two functions at the same time, again and again. The first function runs in a new thread. The second
 * function runs in the calling thread, on a different CPU if this process is allowed to use two CPUs. The functions
 * run for a quarter of a storm's time (storm.h). Then they run for another quarter, in which the first function gets
 * `slowly` = true.
 */
#ifndef DUEL_H
#define DUEL_H

#include "refuse.h"
#include "storm.h"

struct duel {
	void (*one)(bool slowly, uint64_t *random);
	int cpu, stop;
	bool slowly;
};

static void *duel_on(void *arg)
{
	uint64_t random = 521288629;
	struct duel *duel = arg;

	pin(duel->cpu);
	while (!__atomic_load_n(&duel->stop, __ATOMIC_RELAXED))
		duel->one(duel->slowly, &random);
	return NULL;
}

static void duel(void (*one)(bool slowly, uint64_t *random), void (*other)(uint64_t *random))
{
	const uint64_t least = SLOWNESS() < 10 ? 10 : 2; /* in each quarter, the second function runs at least this many times */
	int first = -1, second = -1;
	cpu_set_t allowed;

	assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	for (int cpu = CPU_SETSIZE - 1; cpu >= 0; cpu--)
		if (CPU_ISSET(cpu, &allowed)) {
			second = first;
			first = cpu;
		}
	for (int slowly = 0; slowly < 2; slowly++) {
		struct duel duel = {one, second < 0 ? first : second, 0, slowly};
		uint64_t end = storm_now() + storm_ms() / 4, random = 362436069, turns = 0;
		pthread_t thread;

		pin(first);
		assert_int_equal(pthread_create(&thread, NULL, duel_on, &duel), 0);
		for (; storm_now() < end || turns < least; turns++)
			other(&random);
		__atomic_store_n(&duel.stop, 1, __ATOMIC_RELAXED);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_int_equal(sched_setaffinity(0, sizeof(allowed), &allowed), 0);
		printf("# %llu turns\n", (unsigned long long)turns);
		assert_int_equal(wrong, 0);
	}
}

#endif /* DUEL_H */
