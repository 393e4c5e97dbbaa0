/* SPDX-License-Identifier: MIT */
/*
 * worker.c - a process that runs slices of loops on request (bench.h explains slice, loop, turn and placement). `rseqkit bench`
 * starts it, sends requests, and computes the figures from the answers.
 *
 * Requests come on standard input, answers go to standard output, one line each:
 *
 *   list                                        see answer_list(); ends with "end"
 *   owner                                       owner of this process's threads: "libc", "self", "none", ...
 *   malloc NAME                                 the file that malloc() comes from, if NAME is in its name
 *   run BENCH CONTENDER PLACEMENT THREADS N     N operations in each of THREADS fresh threads: nanoseconds from the
 *                                               common start to the last finish; for some contenders also KiB of
 *                                               private memory
 *
 * The answer is "unavailable WHY" if the request can't run in this process, or "error WHAT". The process ends at the end of
 * input.
 *
 * Invariant: the worker answers in nanoseconds only if all operations were done. If the contender has a function sum(), the
 * worker checks that each slice increases its result by the number of operations. If the contender has a function settle(), the
 * worker calls it after each slice. The time doesn't include thread creation and warm-up. If one thread ran alone for a while,
 * the slice is repeated. Such a slice is too fast if threads contend, and `rseqkit bench` uses the fastest of many slices.
 */
#define _GNU_SOURCE
#include "bench.h"
#include "cache_bench.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS_MAX 1024
#define SPINS_BEFORE_YIELD 1000
#define TRIES 4

static const char *const conditions[] = {
	[BENCH_ANY] = "any",
	[BENCH_RSEQ] = "rseq",
	[BENCH_SELF] = "self",
	[BENCH_NONE] = "none",
	/* "any" also stands for contenders that no process can run here, for example because a library was absent. */
	[BENCH_CPUS] = "any",
	[BENCH_CK] = "any",
	[BENCH_CK_SPINS] = "any",
	[BENCH_URCU] = "any",
	[BENCH_URCU_FLAVOURS] = "any",
	[BENCH_GLIBC] = "glibc",
	[BENCH_JEMALLOC] = "jemalloc",
	[BENCH_MIMALLOC] = "mimalloc",
	[BENCH_TCMALLOC] = "tcmalloc",
};

/* The data that the threads of a slice share. */
struct slice {
	const struct bench_loop *loop;
	uint64_t turns; /* the number of turns that each thread makes */
	unsigned threads;
	unsigned arrived;
	uint64_t ns;
	bool together; /* all threads ran for nearly all of the time */
};

struct slice_thread {
	struct slice *slice;
	pthread_t id;
	uint64_t start, end;
	uint64_t own_ns; /* the loop's return value */
};

static uint64_t warm_up_turns(uint64_t n)
{
	return n / 8 + 1;
}

/* Returns when all threads have called this function. There can be more threads than CPUs, so a waiting thread yields. */
static void wait_for_all(struct slice *slice)
{
	unsigned spins = 0;

	__atomic_fetch_add(&slice->arrived, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&slice->arrived, __ATOMIC_ACQUIRE) < slice->threads)
		if (++spins > SPINS_BEFORE_YIELD)
			(void)sched_yield();
}

static void *slice_thread(void *arg)
{
	struct slice_thread *t = arg;
	uint64_t warm_up;

	/* With RSEQKIT_AREA=own, a thread is registered at its first operation. A contender without a fallback has no such operation. */
	if (t->slice->loop->condition == BENCH_RSEQ)
		(void)rk_thread_register();
	warm_up = t->slice->loop->run(warm_up_turns(t->slice->turns));
	wait_for_all(t->slice);
	t->start = bench_now();
	t->own_ns = t->slice->loop->run(t->slice->turns);
	t->end = bench_now();
	if (warm_up == BENCH_FAILED)
		t->own_ns = BENCH_FAILED;
	return NULL;
}

/*
 * Binds a thread to a CPU, so that the threads are spread evenly over the CPUs that the process may use. If there is only one
 * thread, leaves it to the scheduler.
 */
static void place_thread(pthread_attr_t *attr, const cpu_set_t *allowed, unsigned thread, unsigned threads)
{
	unsigned skip = thread % (unsigned)CPU_COUNT(allowed);
	cpu_set_t one;

	if (threads == 1)
		return;
	CPU_ZERO(&one);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, allowed) && skip-- == 0) {
			CPU_SET(cpu, &one);
			(void)pthread_attr_setaffinity_np(attr, sizeof(one), &one);
			return;
		}
}

/*
 * Starts all threads, and waits until they end. If a thread couldn't be started, counts the missing threads as arrived, so
 * that the waiting threads continue, and returns false.
 */
static bool run_threads(struct slice *slice, struct slice_thread *threads)
{
	cpu_set_t allowed;
	unsigned created = 0;
	bool pin = sched_getaffinity(0, sizeof(allowed), &allowed) == 0;

	for (; created < slice->threads; created++) {
		pthread_attr_t attr;
		int r;

		threads[created].slice = slice;
		(void)pthread_attr_init(&attr);
		if (pin)
			place_thread(&attr, &allowed, created, slice->threads);
		r = pthread_create(&threads[created].id, &attr, slice_thread, &threads[created]);
		(void)pthread_attr_destroy(&attr);
		if (r != 0)
			break;
	}
	if (created < slice->threads)
		__atomic_fetch_add(&slice->arrived, slice->threads - created, __ATOMIC_ACQ_REL);
	for (unsigned i = 0; i < created; i++)
		(void)pthread_join(threads[i].id, NULL);
	return created == slice->threads;
}

/*
 * Stores the largest time that a loop returned. If no loop returned a time, stores the time from the first start to the last end.
 */
static void take_time(struct slice *slice, const struct slice_thread *threads)
{
	uint64_t start = UINT64_MAX, last_start = 0, end = 0, first_end = UINT64_MAX, own = 0;

	for (unsigned i = 0; i < slice->threads; i++) {
		own = threads[i].own_ns > own ? threads[i].own_ns : own;
		start = threads[i].start < start ? threads[i].start : start;
		last_start = threads[i].start > last_start ? threads[i].start : last_start;
		end = threads[i].end > end ? threads[i].end : end;
		first_end = threads[i].end < first_end ? threads[i].end : first_end;
	}
	slice->ns = own > 0 ? own : end - start;
	/* Threads don't start and end at exactly the same moments. A difference of 1/100 of the time doesn't change the result. */
	slice->together = first_end > last_start && (first_end - last_start) >= (end - start) / 100 * 99;
}

/* Is malloc() the function of this allocator? The name of malloc()'s file shows it: libc.so.6 is glibc's. */
static bool malloc_is(const char *allocator)
{
	const char *path = bench_malloc_file(), *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	if (strcmp(allocator, conditions[BENCH_GLIBC]) == 0)
		return strncmp(name, "libc.so", 7) == 0 || strncmp(name, "libc-2", 6) == 0;
	return strstr(name, allocator) != NULL;
}

/* If there are more threads than CPUs, some threads don't run all the time. */
static bool is_crowded(unsigned threads)
{
	cpu_set_t allowed;

	return sched_getaffinity(0, sizeof(allowed), &allowed) != 0 || threads > (unsigned)CPU_COUNT(&allowed);
}

static const char *why_unavailable(const struct bench_loop *loop, unsigned threads)
{
	static char text[128];
	enum bench_condition condition = loop->condition;
	enum rk_owner owner = rk_thread_owner();

	if (condition >= BENCH_GLIBC && !malloc_is(conditions[condition])) {
		snprintf(text, sizeof(text), "malloc is that of %s", bench_malloc_file());
		return text;
	}
	if (condition == BENCH_RSEQ && owner != RK_OWNER_LIBC && owner != RK_OWNER_SELF)
		return "needs rseq, but threads have none here";
	if (condition == BENCH_SELF && owner != RK_OWNER_SELF)
		return "needs threads that this library registers, but it registers none here";
	if (condition == BENCH_NONE && owner != RK_OWNER_NONE)
		return "needs threads without rseq, but threads have rseq here";
	if (condition == BENCH_CPUS && is_crowded(2))
		return "needs two CPUs";
	if ((condition == BENCH_CK || condition == BENCH_CK_SPINS) && !BENCH_HAVE_CK)
		return "built without ck (libck-dev)";
	if (condition == BENCH_CK_SPINS && is_crowded(threads))
		return "a writer spins until another one runs, so with more threads than CPUs a slice takes minutes";
	if (condition == BENCH_URCU && !BENCH_HAVE_URCU)
		return "built without liburcu (liburcu-dev)";
	if (condition == BENCH_URCU_FLAVOURS && !BENCH_HAVE_URCU_FLAVOURS)
		return "built without liburcu's static libraries (liburcu-dev)";
	return loop->why ? loop->why() : NULL;
}

/* Runs a slice and checks its operations. If something is wrong, prints it and returns false. */
static bool run_slice(struct slice *slice, struct slice_thread *threads)
{
	const struct bench_loop *loop = slice->loop;
	uint64_t expected = slice->threads * (slice->turns + warm_up_turns(slice->turns));
	uint64_t before = loop->sum ? loop->sum() : 0, counted;
	bool settled;

	slice->arrived = 0;
	if (!run_threads(slice, threads)) {
		printf("error cannot start %u threads\n", slice->threads);
		return false;
	}
	take_time(slice, threads);
	counted = loop->sum ? loop->sum() - before : expected;
	settled = !loop->settle || loop->settle();
	if (slice->ns == BENCH_FAILED)
		printf("error an operation of %s %s failed\n", loop->bench, loop->contender);
	else if (counted != expected)
		printf("error %s %s counted %llu instead of %llu\n", loop->bench, loop->contender,
		       (unsigned long long)counted, (unsigned long long)expected);
	else if (!settled)
		printf("error %s %s left its memory in disorder\n", loop->bench, loop->contender);
	return slice->ns != BENCH_FAILED && counted == expected && settled;
}

/*
 * Measures a slice, and prints the time. Repeats the slice if its threads didn't run together, at most TRIES times in all. If no
 * try was good, because the machine is busy, prints the time of the last try.
 */
static void measure(const struct bench_loop *loop, unsigned per_turn, unsigned count, uint64_t operations)
{
	struct slice slice = {.loop = loop, .turns = (operations + per_turn - 1) / per_turn, .threads = count};
	struct slice_thread *threads = calloc(count, sizeof(*threads));
	bool good = threads != NULL;

	if (!good)
		printf("error out of memory\n");
	for (int i = 0; good && i < (is_crowded(count) ? 1 : TRIES) && !slice.together; i++)
		good = run_slice(&slice, threads);
	/* Whole turns can have more operations than the request. Prints the time for the number that was requested. */
	if (good)
		printf("%.0f", (double)slice.ns * (double)operations / ((double)slice.turns * per_turn));
	if (good && loop->memory)
		printf(" %.0f", loop->memory());
	if (good)
		printf("\n");
	free(threads);
}

static unsigned operations_per_turn(const char *bench)
{
	for (unsigned i = 0; i < bench_count; i++)
		if (strcmp(benches[i].name, bench) == 0)
			return benches[i].per_turn;
	return 1;
}

static void answer_malloc(const char *request)
{
	char name[32];

	if (sscanf(request, "malloc %31s", name) != 1)
		printf("error bad request\n");
	else if (malloc_is(name))
		printf("%s\n", bench_malloc_file());
	else
		printf("unavailable malloc is that of %s\n", bench_malloc_file());
}

static void answer_run(const char *request)
{
	char bench[32], contender[32];
	unsigned placement, threads;
	unsigned long long operations;

	if (sscanf(request, "run %31s %31s %u %u %llu", bench, contender, &placement, &threads, &operations) != 5 ||
	    placement >= BENCH_PLACEMENTS || threads == 0 || threads > THREADS_MAX || operations == 0) {
		printf("error bad request\n");
		return;
	}
	for (unsigned i = 0; i < bench_loop_count; i++) {
		const struct bench_loop *loop = &bench_loops[placement][i];
		const char *why;

		if (strcmp(loop->bench, bench) != 0 || strcmp(loop->contender, contender) != 0)
			continue;
		why = why_unavailable(loop, threads);
		if (why)
			printf("unavailable %s\n", why);
		else
			measure(loop, operations_per_turn(bench), threads, operations);
		return;
	}
	printf("error no such contender\n");
}

/*
 * Prints the list:
 *
 *   placements COUNT
 *   bench NAME SECONDS THREADS WHAT...        THREADS: 1, or 0 for any number
 *   contender NAME CONDITION ITERATIONS       of the bench above; 0 for as many as fit into a slice
 */
static void answer_list(void)
{
	const struct bench_loop *loops = bench_loops[0];

	printf("placements %d\n", BENCH_PLACEMENTS);
	for (unsigned i = 0; i < bench_count; i++) {
		printf("bench %s %u %d %s\n", benches[i].name, benches[i].seconds, benches[i].one_thread,
		       benches[i].what);
		for (unsigned j = 0; j < bench_loop_count; j++)
			if (strcmp(loops[j].bench, benches[i].name) == 0)
				printf("contender %s %s %llu\n", loops[j].contender,
				       conditions[loops[j].condition],
				       (unsigned long long)loops[j].iterations);
	}
	printf("end\n");
}

int main(void)
{
	char request[256];
	int r = bench_create();

	while (fgets(request, sizeof(request), stdin)) {
		if (r < 0)
			printf("error cannot prepare the benches: %s\n", strerror(-r));
		else if (strcmp(request, "list\n") == 0)
			answer_list();
		else if (strcmp(request, "owner\n") == 0)
			printf("%s\n", rk_owner_name(rk_thread_owner()));
		else if (strncmp(request, "malloc ", 7) == 0)
			answer_malloc(request);
		else
			answer_run(request);
		if (fflush(stdout) != 0)
			return 2;
	}
	return 0;
}
