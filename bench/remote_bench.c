/* SPDX-License-Identifier: MIT */
/*
 * remote_bench.c - work on another CPU's data, by this library and in other ways (remote_bench.h). A bank is a CPU's data that a
 * thread on another CPU can take away (rseqkit/bank.h).
 *
 * The thread that measures runs on one CPU, and the data belong to another CPU. If that CPU is "idle", this process runs nothing
 * there. If it is "running", a thread there adds to the data as fast as it can. On a machine with one CPU both are the same CPU,
 * and the figures are of little use.
 */
#define _GNU_SOURCE
#include "remote_bench.h"

#include <errno.h>
#include <pthread.h>
#include <rseqkit/ops_cpu.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BANK_SIZE 128 /* the bytes of a bank: 16 words */

/* The data under a per-CPU mutex, which is another way to have data that other CPUs can reach. */
struct guarded {
	pthread_mutex_t mutex;
	intptr_t words[BANK_SIZE / sizeof(intptr_t)];
};

static struct rk_percpu *pool;
static void *item;  /* an item with banks: memory that is RK_PERCPU_CLOSABLE */
static void *plain; /* an item without banks */
static void *guarded;
static int here, there; /* the CPU of the thread that measures, and the other CPU */
static cpu_set_t allowed;

/* The thread that runs while the other thread measures. */
static struct {
	pthread_t id;
	int cpu;
	void (*work)(void);
	unsigned running, stop;
} beside;
static unsigned answers; /* how often the signal handler has run */

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

static void find_cpus(void)
{
	here = there = -1;
	if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
		return;
	for (int cpu = 0; cpu < CPU_SETSIZE && there < 0; cpu++)
		if (CPU_ISSET(cpu, &allowed))
			*(here < 0 ? &here : &there) = cpu;
	there = there < 0 ? here : there;
}

int bench_remote_cpu(bool other)
{
	return other ? there : here;
}

static struct guarded *guarded_of(int cpu)
{
	return rk_percpu_slot(guarded, cpu);
}

int bench_remote_create(void)
{
	static const struct rk_percpu_options closable = {
		.item_size = BANK_SIZE, .alignment = 64, .flags = RK_PERCPU_CLOSABLE};
	static const struct rk_percpu_options with_mutex = {.item_size = sizeof(struct guarded), .alignment = 64};
	static const struct rk_percpu_options words = {.item_size = BANK_SIZE, .alignment = 64};
	struct rk_percpu *others;
	int r = rk_percpu_create(&pool, &closable, sizeof(closable));

	if (r == 0)
		r = rk_percpu_alloc(pool, &item);
	if (r == 0)
		r = rk_percpu_create(&others, &with_mutex, sizeof(with_mutex));
	if (r == 0)
		r = rk_percpu_alloc(others, &guarded);
	if (r == 0)
		r = rk_percpu_create(&others, &words, sizeof(words));
	if (r == 0)
		r = rk_percpu_alloc(others, &plain);
	for (int cpu = r == 0 ? rk_cpus_next(-1) : -1; cpu >= 0; cpu = rk_cpus_next(cpu)) {
		(void)rk_percpu_open(pool, item, cpu);
		(void)pthread_mutex_init(&guarded_of(cpu)->mutex, NULL);
	}
	(void)rk_fence_prepare();
	find_cpus();
	return r == 0 && here < 0 ? -ENOSYS : r;
}

/* Operations of threads on the data of their own CPU. */
static void add_to_bank(void)
{
	(void)rk_cpu_bank_add(item, 0, 1);
}

static void add_to_plain(void)
{
	(void)rk_cpu_add(plain, 1);
}

static void add_guarded(void)
{
	struct guarded *own = guarded_of(rk_cpu());

	(void)pthread_mutex_lock(&own->mutex);
	own->words[0]++;
	(void)pthread_mutex_unlock(&own->mutex);
}

/* Operations on another CPU's data. They return false if they fail. */
static bool drain(int cpu)
{
	void *bank, *spare;
	bool done;

	if (rk_bank_begin_try(item, cpu) < 0)
		return false;
	spare = rk_percpu_spare(pool, item, cpu);
	if (spare != NULL)
		memset(spare, 0, BANK_SIZE);
	done = rk_bank_take(item, cpu, spare, &bank) == 0;
	return rk_bank_done(item, cpu) == 0 && done;
}

static bool fence_there(void)
{
	return rk_fence_cpu(there) == 0;
}

static bool fence_everywhere(void)
{
	return rk_fence_all() == 0;
}

static bool drain_there(void)
{
	return drain(there);
}

/* Reads all words of the bank, at one moment. */
static bool read_there(void)
{
	static unsigned char words[BANK_SIZE];
	const struct rk_vector_op read = {.code = RK_VECTOR_READ, .length = BANK_SIZE, .to = words};

	return rk_percpu_vector(pool, item, there, &read, 1) == 0;
}

static bool run_vector(int cpu, int count)
{
	struct rk_vector_op ops[RK_VECTOR_OPS_MAX];

	for (int i = 0; i < count; i++)
		ops[i] = (struct rk_vector_op){
			.code = RK_VECTOR_ADD, .length = 8, .where = 8 * (size_t)i % BANK_SIZE, .operand = 1};
	return rk_percpu_vector(pool, item, cpu, ops, count) == 0;
}

static bool vector_1_here(void)
{
	return run_vector(here, 1);
}

static bool vector_4_here(void)
{
	return run_vector(here, 4);
}

static bool vector_16_here(void)
{
	return run_vector(here, 16);
}

static bool vector_16_there(void)
{
	return run_vector(there, 16);
}

/* Moves to the CPU `there`, adds, and moves back. */
static bool go_there(void)
{
	pin(there);
	add_to_plain();
	pin(here);
	return true;
}

static bool drain_guarded(void)
{
	struct guarded *theirs = guarded_of(there);

	(void)pthread_mutex_lock(&theirs->mutex);
	memset(theirs->words, 0, sizeof(theirs->words));
	(void)pthread_mutex_unlock(&theirs->mutex);
	return true;
}

static void on_request(int signo)
{
	(void)signo;
	memset(rk_percpu_slot(plain, there), 0, BANK_SIZE);
	__atomic_fetch_add(&answers, 1, __ATOMIC_RELEASE);
}

/* Sends a signal to the thread on the CPU `there`, and waits until the signal's handler has cleared the data. */
static bool ask_by_signal(void)
{
	unsigned before = __atomic_load_n(&answers, __ATOMIC_RELAXED);

	if (pthread_kill(beside.id, SIGUSR1) != 0)
		return false;
	while (__atomic_load_n(&answers, __ATOMIC_ACQUIRE) == before)
		;
	return true;
}

static void drain_here(void)
{
	(void)drain(here);
}

static void drain_here_slowly(void)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	(void)drain(here);
	(void)nanosleep(&pause, NULL);
}

static void *run_beside(void *arg)
{
	pin(beside.cpu);
	__atomic_store_n(&beside.running, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&beside.stop, __ATOMIC_RELAXED))
		beside.work();
	return arg;
}

static bool start_beside(int cpu, void (*work)(void))
{
	struct sigaction action = {.sa_handler = on_request};

	beside.cpu = cpu;
	beside.work = work;
	beside.running = beside.stop = 0;
	if (sigaction(SIGUSR1, &action, NULL) != 0 || pthread_create(&beside.id, NULL, run_beside, NULL) != 0)
		return false;
	while (!__atomic_load_n(&beside.running, __ATOMIC_ACQUIRE))
		(void)sched_yield();
	return true;
}

static void stop_beside(void)
{
	__atomic_store_n(&beside.stop, 1, __ATOMIC_RELAXED);
	(void)pthread_join(beside.id, NULL);
}

/*
 * Runs n operations on the CPU `here`. If `work` isn't NULL, a thread on the CPU `there` runs `work` meanwhile. Returns
 * nanoseconds.
 */
static uint64_t measure(uint64_t n, bool (*operation)(void), void (*work)(void))
{
	bool done = true;
	uint64_t start;

	pin(here);
	if (work != NULL && !start_beside(there, work))
		return BENCH_FAILED;
	start = bench_now();
	for (uint64_t i = 0; i < n; i++)
		done &= operation();
	start = bench_now() - start;
	if (work != NULL)
		stop_beside();
	return done && start > 0 ? start : BENCH_FAILED;
}

#define MEASURE(name, operation, work)                                                                                 \
	uint64_t remote_##name(uint64_t n)                                                                             \
	{                                                                                                              \
		return measure(n, operation, work);                                                                    \
	}

MEASURE(fence_idle, fence_there, NULL)
MEASURE(fence_running, fence_there, add_to_bank)
MEASURE(fence_all, fence_everywhere, add_to_bank)
MEASURE(drain_idle, drain_there, NULL)
MEASURE(drain_running, drain_there, add_to_bank)
MEASURE(read_running, read_there, add_to_bank)
MEASURE(vector_1_here, vector_1_here, NULL)
MEASURE(vector_4_here, vector_4_here, NULL)
MEASURE(vector_16_here, vector_16_here, NULL)
MEASURE(vector_16_idle, vector_16_there, NULL)
MEASURE(vector_16_running, vector_16_there, add_to_bank)
MEASURE(affinity_idle, go_there, NULL)
MEASURE(affinity_running, go_there, add_to_plain)
MEASURE(mutex_idle, drain_guarded, NULL)
MEASURE(mutex_running, drain_guarded, add_guarded)
MEASURE(signal_running, ask_by_signal, add_to_plain)

/*
 * Makes n adds on the CPU `here`. If `work` isn't NULL, a thread on the CPU `there` runs `work` meanwhile. Returns nanoseconds.
 */
#define MEASURE_ADDS(name, add, work)                                                                                  \
	uint64_t bank_##name(uint64_t n)                                                                               \
	{                                                                                                              \
		uint64_t start;                                                                                        \
                                                                                                                       \
		pin(here);                                                                                             \
		if ((work) != NULL && !start_beside(there, work))                                                      \
			return BENCH_FAILED;                                                                           \
		start = bench_now();                                                                                   \
		for (uint64_t i = 0; i < n; i++)                                                                       \
			add();                                                                                         \
		start = bench_now() - start;                                                                           \
		if ((work) != NULL)                                                                                    \
			stop_beside();                                                                                 \
		return start > 0 ? start : BENCH_FAILED;                                                               \
	}

#define NOTHING ((void (*)(void))NULL)

MEASURE_ADDS(alone, add_to_bank, NOTHING)
MEASURE_ADDS(drained, add_to_bank, drain_here)
MEASURE_ADDS(drained_slowly, add_to_bank, drain_here_slowly)
MEASURE_ADDS(none, add_to_plain, NOTHING)
MEASURE_ADDS(mutex, add_guarded, NOTHING)
