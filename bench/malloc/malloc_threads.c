/* SPDX-License-Identifier: MIT */
/*
 * malloc_threads.c - loops in which threads free each other's objects: `relay` hands sets of objects from thread to thread, and
 * `exchange` hands single objects. Each object belongs to one thread at any time, and is checked when it is freed.
 */
#include "malloc_loops.h"
#include <pthread.h>

/*
 * relay: fresh threads work one after the other. Each takes a set of 1000 slots, replaces random objects of 10 to 500 bytes in
 * it, and gives the set back for another thread. There are twice as many sets as threads, so no thread waits for a set.
 */
#define SLOTS 1000
#define REPLACED 20000
#define RUNNERS 3 /* each thread of the loop starts this many fresh threads in a slice */
#define SLOT_SIZE_MAX 500

struct slots {
	void *objects[SLOTS];
};

struct runner {
	int thread;
	uint64_t state;
};

static struct slots *sets[2 * THREADS_MAX];
static struct runner runners[THREADS_MAX];

static void begin_relay(int thread)
{
	runners[thread] = (struct runner) { .thread = thread, .state = (uint64_t)thread };
	for (int i = 0; i < 2; i++) {
		struct slots *slots = calloc(1, sizeof *slots);

		if (slots == NULL)
			abort();
		__atomic_store_n(&sets[2 * thread + i], slots, __ATOMIC_RELEASE);
	}
}

static void *replace_slots(void *argument)
{
	struct runner *runner = argument;
	struct slots *slots = NULL;
	size_t set = 0;

	while (slots == NULL) {
		set = random_between(&runner->state, 0, 2 * (size_t)thread_count - 1);
		slots = __atomic_exchange_n(&sets[set], NULL, __ATOMIC_ACQ_REL);
	}
	for (int i = 0; i < REPLACED; i++) {
		size_t at = random_between(&runner->state, 0, SLOTS - 1);

		give(slots->objects[at], SLOT_SIZE_MAX);
		slots->objects[at] = take(random_between(&runner->state, 10, SLOT_SIZE_MAX));
	}
	__atomic_store_n(&sets[set], slots, __ATOMIC_RELEASE);
	loop_add_delay(runner->thread);
	return NULL;
}

static long relay(int thread)
{
	for (int i = 0; i < RUNNERS; i++) {
		pthread_t runner;

		if (pthread_create(&runner, NULL, replace_slots, &runners[thread]) != 0)
			abort();
		pthread_join(runner, NULL);
	}
	return RUNNERS * REPLACED;
}

/*
 * exchange: a thread makes a chain of up to 100 objects. Then it walks along the chain. It keeps a quarter of the objects for
 * some time, exchanges a quarter with objects in a table that all threads share, and frees the others.
 */
#define KEPT 2000
#define SHARED 1000
#define CHAINS 100 /* each thread makes this many chains in a slice */
#define CHAIN_SIZE_MAX ((size_t)1 << 20)

struct link {
	uint64_t size;
	struct link *next;
};

static struct link *shared[SHARED], *kept[THREADS_MAX][KEPT];
static uint64_t states[THREADS_MAX];

static void begin_exchange(int thread)
{
	states[thread] = (uint64_t)thread;
}

/* One of 2000 objects has 50 KB to 1 MiB, and one of 50 has 512 bytes to 8 KiB. */
static size_t chain_size(uint64_t *state)
{
	size_t chance = random_between(state, 1, 2000);

	return chance == 1 ? random_between(state, 50000, CHAIN_SIZE_MAX) :
		chance <= 40 ? random_between(state, 512, 8192) : random_between(state, sizeof(struct link), 256);
}

static long exchange(int thread)
{
	uint64_t *state = &states[thread];
	long operations = 0;

	for (int i = 0; i < CHAINS; i++) {
		struct link *chain = NULL, *next;

		for (size_t left = random_between(state, 1, 100); left > 0; left--, operations++) {
			struct link *link = take(chain_size(state));

			link->next = chain;
			chain = link;
		}
		for (; chain != NULL; chain = next) {
			struct link *old = chain, **place;

			next = chain->next;
			switch (random_between(state, 0, 3)) {
			case 0:
				place = &kept[thread][random_between(state, 0, KEPT - 1)];
				old = *place;
				*place = chain;
				break;
			case 1:
				place = &shared[random_between(state, 0, SHARED - 1)];
				old = __atomic_exchange_n(place, chain, __ATOMIC_ACQ_REL);
				break;
			}
			give(old, CHAIN_SIZE_MAX);
		}
	}
	return operations;
}

const struct loop thread_loops[] = {
	{ .name = "relay", .slice = relay, .begin = begin_relay, .is_whole = true },
	{ .name = "exchange", .slice = exchange, .begin = begin_exchange, .is_whole = true },
	{ .name = NULL },
};
