/* SPDX-License-Identifier: MIT */
/*
 * data.c - the list of benches, the memory that contenders work on, and their ways past the library.
 *
 * Contenders that keep something per CPU keep it in the same kind of memory, so that only the operation differs.
 */
#define _GNU_SOURCE
#include "cache.h"
#include "freelist.h"
#include "histogram.h"
#include "lock.h"
#include "log.h"
#include "rcu.h"
#include "ref.h"
#include "remote.h"
#include "ring.h"

#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

const struct bench benches[] = {
	{"counter", 24, false, 1, "add 1 to a counter"},
	{"counter-variable", 6, true, 1, "add a variable to a counter"},
	{"histogram", 8, false, 1, "record a value in a histogram"},
	{"freelist", 12, false, 1, "pop a node off a list and push it back"},
	{"log", 8, false, 1, "append 40 bytes to a log and count them"},
	{"ring", 10, false, 1, "write a record of 16 bytes to a ring and read it"},
	{"ring-batch", 8, false, BENCH_RING_BATCH, "write 32 records of 16 bytes to a ring, then read them; for each record"},
	{"ring-remote", 6, true, 1, "write records of 16 bytes to a ring that a thread on another CPU reads"},
	{"cache", 12, false, 1, "take an object of 64 bytes and give it back"},
	{"cache-batch", 8, false, BENCH_BATCH, "take 64 objects of 64 bytes, then give them back; for each object"},
	{"rcu", 8, false, 1, "read an object in a read section"},
	{"rcu-writer", 4, true, 1, "replace an object and wait for a grace period, where nobody reads"},
	{"rcu-writer-running", 6, true, 1, "replace an object and wait for a grace period, while all other CPUs read"},
	{"lock", 8, false, 1, "add 1 to a word of this CPU's under a lock"},
	{"rwlock", 8, false, 1, "read an object under a reader-writer lock"},
	{"ref", 6, false, 1, "take a reference and give it back"},
	{"slice", 4, false, 1, "add 1 to a word of the thread's in a region that requests time"},
	{"mutex", 8, false, 1, "add 1 to a word under one mutex"},
	{"fallback", 8, false, 1, "add 1 to a counter in threads without rseq"},
	{"cpu", 4, true, 1, "read the number of the current CPU"},
	{"remote", 12, true, 1, "work on another CPU's data"},
	{"bank", 5, true, 1, "add to data that other CPUs can take"},
	{"register", 3, true, 1, "register and unregister a thread, as the environment has it"},
	{"register-self", 7, true, 1, "register and unregister a thread where the libc doesn't"},
};

const unsigned bench_count = sizeof(benches) / sizeof(benches[0]);

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
} __attribute__((__aligned__(128))) shared; /* alone in its cache line, and in the one fetched with it */

static struct rk_process_info process;

int bench_slots_create(void **slots)
{
	static const struct rk_percpu_options options = {.item_size = sizeof(uint64_t), .alignment = 128};
	static struct rk_percpu *pool;
	int r = pool == NULL ? rk_percpu_create(&pool, &options) : 0;

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
	if (r == 0)
		r = bench_histogram_create();
	if (r == 0)
		r = bench_cache_create();
	if (r == 0)
		r = bench_freelist_create();
	if (r == 0)
		r = bench_log_create();
	if (r == 0)
		r = bench_ring_create();
	if (r == 0)
		r = bench_remote_create();
	if (r == 0)
		r = bench_rcu_create();
	if (r == 0)
		r = bench_lock_create();
	if (r == 0)
		r = bench_ref_create();
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

	return (int)syscall(SYS_rseq, thread_pointer + process.offset, process.length, flags, RK_SIGNATURE);
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

	/* glibc registers a new thread if the one that creates it is registered, tunable or not. */
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
		/* The least: a thread that was interrupted between the two readings must not shorten the sum. */
		clock_ns = fresh.clock_ns < clock_ns ? fresh.clock_ns : clock_ns;
	}
	return sum > n * clock_ns ? sum - n * clock_ns : BENCH_FAILED;
}
