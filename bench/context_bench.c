/* SPDX-License-Identifier: MIT */
/* context_bench.c - the memory of the benches `context...`, threads that contend, loops with cold caches (context_bench.h). */
#define _GNU_SOURCE
#include "context_bench.h"

#include <sched.h>

#define RIVALS_MAX 256
#define LINE 64

struct rk_ring *bench_context_ring;

static struct {
	uint64_t word;
} __attribute__((__aligned__(128))) contended; /* alone in two cache lines, like the word of bench_shared */
uint64_t *bench_context_contended = &contended.word;

/* A thread that adds to the contended word. */
struct rival {
	pthread_t id;
	uint64_t adds;
} __attribute__((__aligned__(128)));

static struct rival rivals[RIVALS_MAX];
static unsigned rival_count; /* the number of rivals that run */
static unsigned stop;
static uint64_t adds_of_rivals; /* the adds of rivals that have ended */
static int first_cpu = -1;	/* the CPU of the thread that measures */

int bench_context_create(void)
{
	static const struct rk_ring_options options = {.size = 65536, .flags = RK_RING_OVERWRITE};

	return rk_ring_create(&bench_context_ring, &options, sizeof(options));
}

/* Reads a CPU's records, and returns their number. Sets *whole to false if a record isn't as it was written. */
static uint64_t read_ring(int cpu, bool *whole)
{
	struct rk_ring_reader reader;
	struct rk_ring_record record;
	uint64_t count = 0;
	int r;

	/* The first rk_ring_open() can give an older snapshot. Then the second call gives the newer snapshot. */
	for (int i = 0; i < 2 && (r = rk_ring_open(bench_context_ring, cpu, &reader, sizeof(reader))) >= 0; i += 2 - r) {
		while (rk_ring_next(&reader, &record)) {
			const struct bench_ring_record *data = record.data;

			*whole &= record.length == sizeof(*data) && data->complement == ~data->number;
			count++;
		}
		rk_ring_close(&reader);
	}
	return count;
}

bool bench_settle_context_ring(void)
{
	bool whole = true;
	uint64_t count = 0;

	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
		count += read_ring(cpu, &whole);
	return whole && count > 0;
}

static void *add_all_the_time(void *arg)
{
	struct rival *rival = arg;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		CONTEXT_ADD(bench_context_contended)
		rival->adds++;
	}
	return NULL;
}

static bool start_rival(int cpu)
{
	struct rival *rival = &rivals[rival_count];
	pthread_attr_t attr;
	cpu_set_t one;
	bool good;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	(void)pthread_attr_init(&attr);
	good = pthread_attr_setaffinity_np(&attr, sizeof(one), &one) == 0 &&
	       pthread_create(&rival->id, &attr, add_all_the_time, rival) == 0;
	(void)pthread_attr_destroy(&attr);
	rival_count += good;
	return good;
}

/* Starts a rival on each CPU but the first. Must be called before the calling thread is bound to a CPU. */
static bool start_rivals(void)
{
	cpu_set_t allowed;
	bool good = sched_getaffinity(0, sizeof(allowed), &allowed) == 0;

	stop = 0;
	first_cpu = -1;
	for (int cpu = 0; good && cpu < CPU_SETSIZE && rival_count < RIVALS_MAX; cpu++) {
		if (!CPU_ISSET(cpu, &allowed))
			continue;
		if (first_cpu < 0)
			first_cpu = cpu;
		else
			good = start_rival(cpu);
	}
	return good;
}

bool bench_context_contend(void)
{
	static __thread bool bound;
	cpu_set_t one;

	if (rival_count == 0 && !start_rivals())
		return false;
	if (bound)
		return true;
	CPU_ZERO(&one);
	CPU_SET(first_cpu, &one);
	bound = sched_setaffinity(0, sizeof(one), &one) == 0;
	return bound;
}

uint64_t bench_sum_contended(void)
{
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < rival_count; i++) {
		(void)pthread_join(rivals[i].id, NULL);
		adds_of_rivals += rivals[i].adds;
		rivals[i].adds = 0;
	}
	rival_count = 0;
	return contended.word - adds_of_rivals;
}

/* Reads one word of each line of an array that is larger than a core's own caches. */
static void sweep(void)
{
	static uint64_t words[BENCH_CONTEXT_SWEEP / sizeof(uint64_t)];
	static bool written;
	uint64_t sum = 0;

	if (!written) /* the kernel maps the same page of zeros for all pages that were never written to */
		memset(words, 1, sizeof(words));
	written = true;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i += LINE / sizeof(words[0]))
		sum += words[i];
	__asm__ __volatile__("" : : "r"(sum) : "memory");
}

/* The sweep also displaced the data that the clock needs. The first reading of the clock loads these data. */
#define CONTEXT_COLD(X, name, contender, condition, sum, settle, setup, operation)                                     \
	uint64_t context_cold_##name(uint64_t n)                                                                       \
	{                                                                                                              \
		uint64_t ns = 0, start;                                                                                \
		int failed = 0;                                                                                        \
		setup                                                                                                  \
		do {                                                                                                   \
			sweep();                                                                                       \
			(void)bench_now();                                                                             \
			start = bench_now();                                                                           \
			operation                                                                                      \
			ns += bench_now() - start;                                                                     \
		} while (--n != 0);                                                                                    \
		return failed ? BENCH_FAILED : ns;                                                                     \
	}

CONTEXT_OPERATIONS(CONTEXT_COLD, )
