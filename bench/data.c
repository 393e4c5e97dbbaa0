/* SPDX-License-Identifier: MIT */
/*
 * data.c - the memory that contenders of several benches use, and functions for contenders that don't use the library. The
 * contenders of a bench are different ways to do its job (bench.h).
 *
 * All contenders with per-CPU data keep these data in the same kind of memory, so that only the operation differs.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct rk_counter *bench_counter;
void *bench_slots_classic;
void *bench_slots_floor;
void *bench_slots_percpu;
void *bench_slots_getcpu;
uint64_t *bench_shared;
__thread uint64_t bench_thread_local;
int64_t bench_one = 1;

static struct {
	uint64_t word;
} __attribute__((__aligned__(128))) shared; /* alone in two cache lines: its own, and the line that processors fetch with it */

static struct rk_process_info process;

int bench_slots_create(void **slots)
{
	static const struct rk_percpu_options options = {.item_size = sizeof(uint64_t), .alignment = 128};
	static struct rk_percpu *pool;
	int r = pool == NULL ? rk_percpu_create(&pool, &options, sizeof(options)) : 0;

	return r == 0 ? rk_percpu_alloc(pool, slots) : r;
}

int bench_data_create(void)
{
	int r = rk_process_query(&process, sizeof(process));

	bench_shared = &shared.word;
	if (r == 0)
		r = rk_counter_create(&bench_counter);
	if (r == 0)
		r = bench_slots_create(&bench_slots_classic);
	if (r == 0)
		r = bench_slots_create(&bench_slots_floor);
	if (r == 0)
		r = bench_slots_create(&bench_slots_percpu);
	if (r == 0)
		r = bench_slots_create(&bench_slots_getcpu);
	return r;
}

static uint64_t sum_slots(const void *slots)
{
	uint64_t sum = 0;

	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
		sum += __atomic_load_n((uint64_t *)rk_percpu_slot(slots, cpu), __ATOMIC_RELAXED);
	return sum;
}

uint64_t bench_sum_counter(void)
{
	return (uint64_t)rk_counter_sum(bench_counter);
}

uint64_t bench_sum_classic(void)
{
	return sum_slots(bench_slots_classic);
}

uint64_t bench_sum_percpu(void)
{
	return sum_slots(bench_slots_percpu);
}

uint64_t bench_sum_getcpu(void)
{
	return sum_slots(bench_slots_getcpu);
}

uint64_t bench_sum_shared(void)
{
	return __atomic_load_n(bench_shared, __ATOMIC_RELAXED);
}

static int bare_rseq(int flags)
{
	char *thread_pointer = (char *)__builtin_thread_pointer();
	long complement = ~(long)SYS_rseq; /* code with the number itself looks like another component's (src/thread/callers.h) */

	__asm__("" : "+r"(complement));
	return (int)syscall(~complement, thread_pointer + process.offset, process.length, flags, RK_SIGNATURE);
}

int bench_bare_register(void)
{
	return bare_rseq(0);
}

int bench_bare_unregister(void)
{
	return bare_rseq(1); /* RSEQ_FLAG_UNREGISTER */
}

uint64_t bench_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

struct fresh {
	bool (*operation)(void);
	uint64_t ns, clock_ns;
	bool done;
};

static void *fresh_thread(void *arg)
{
	struct fresh *fresh = arg;
	uint64_t before, start, end;

	before = bench_now();
	start = bench_now();
	fresh->done = fresh->operation();
	end = bench_now();
	fresh->ns = end - start;
	fresh->clock_ns = start - before;
	return NULL;
}

uint64_t bench_in_fresh_threads(uint64_t n, bool (*operation)(void))
{
	uint64_t sum = 0, clock_ns = UINT64_MAX;

	/*
	 * glibc registers a new thread if the creating thread is registered, even with glibc.pthread.rseq=0, so the calling
	 * thread, which creates the threads, is unregistered first.
	 */
	(void)bench_bare_unregister();
	for (uint64_t i = 0; i < n; i++) {
		struct fresh fresh = {.operation = operation};
		pthread_t thread;

		if (pthread_create(&thread, NULL, fresh_thread, &fresh) != 0)
			return BENCH_FAILED;
		(void)pthread_join(thread, NULL);
		if (!fresh.done)
			return BENCH_FAILED;
		sum += fresh.ns;
		/* The least value, because a thread that was interrupted between the two readings must not lower the sum. */
		clock_ns = fresh.clock_ns < clock_ns ? fresh.clock_ns : clock_ns;
	}
	return sum > n * clock_ns ? sum - n * clock_ns : BENCH_FAILED;
}
