/* SPDX-License-Identifier: MIT */
/*
 * ring_bench.c - the rings of `ring`, `ring-batch` and `ring-remote`, and the check of the records that were read
 * (ring_bench.h).
 *
 * It also has the loops of `ring-remote`, in which one thread writes and a thread on another CPU reads.
 */
#define _GNU_SOURCE
#include "ring_bench.h"
#include "arch/arch.h"
#include "remote_bench.h"

#include <sched.h>

#define SPINS_BEFORE_YIELD 1000
#define WAITS_MAX 100000000 /* after this many calls of bench_ring_wait(), about a minute, the bench fails */
/*
 * The nanoseconds that the reader of `ring-remote` waits when it finds the ring empty. Meanwhile the writer fills a part of the
 * ring. Each look at the ring takes cache lines away from the writer, which costs both threads more than this wait.
 */
#define EMPTY_NS 1500

struct bench_ring_record bench_ring_table[BENCH_RING_TABLE];
struct rk_ring *bench_ring;
struct ring_guarded bench_ring_guarded = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static uint64_t all_difference, all_wrong;

int bench_ring_create(void)
{
	static const struct rk_ring_options options = {.size = BENCH_RING_SIZE};

	for (uint64_t i = 0; i < BENCH_RING_TABLE; i++)
		bench_ring_table[i] = (struct bench_ring_record){i, ~i};
#if BENCH_HAVE_CK
	ck_ring_init(&bench_ring_mpmc.ring, BENCH_RING_RECORDS);
#endif
#if BENCH_HAVE_URCU
	cds_wfcq_init(&bench_ring_queue.head, &bench_ring_queue.tail);
#endif
	return rk_ring_create(&bench_ring, &options, sizeof(options));
}

void bench_ring_count(uint64_t difference, uint64_t wrong)
{
	__atomic_fetch_add(&all_difference, difference, __ATOMIC_RELAXED);
	__atomic_fetch_or(&all_wrong, wrong, __ATOMIC_RELAXED);
}

bool bench_settle_ring(void)
{
	bool right = all_difference == 0 && all_wrong == 0;

	all_difference = all_wrong = 0;
	return right && rk_ring_dropped(bench_ring, RK_INDEX_OVERFLOW) == 0;
}

bool bench_ring_wait(uint64_t *times)
{
	if (++*times > SPINS_BEFORE_YIELD)
		(void)sched_yield();
	else
		BENCH_PAUSE();
	if (*times < WAITS_MAX)
		return true;
	bench_ring_count(0, 1);
	return false;
}

void bench_ring_leave(struct ring_own *own)
{
	if (own->open)
		(void)rk_ring_close(&own->reader);
	own->open = false;
}

static const struct bench_ring_record *find_at(struct ring_own *own, int index)
{
	struct rk_ring_record record;

	own->open = rk_ring_open(own->ring, index, &own->reader, sizeof(own->reader)) == 0;
	if (own->open && rk_ring_next(&own->reader, &record))
		return record.data;
	bench_ring_leave(own);
	return NULL;
}

const struct bench_ring_record *bench_ring_find(struct ring_own *own)
{
	const struct bench_ring_record *found;

	rk_ring_release(&own->reader);
	bench_ring_leave(own);
	found = find_at(own, rk_cpu());
	for (int cpu = rk_cpus_next(-1); found == NULL && cpu >= 0; cpu = rk_cpus_next(cpu))
		found = find_at(own, cpu);
	if (found == NULL)
		found = find_at(own, RK_INDEX_OVERFLOW);
	if (found == NULL)
		own->reader = (struct rk_ring_reader){0};
	return found;
}

#if BENCH_HAVE_CK
struct ring_ck bench_ring_mpmc;
__thread struct ring_ck bench_ring_spsc = {.ring = {.size = BENCH_RING_RECORDS, .mask = BENCH_RING_RECORDS - 1}};
#endif

#if BENCH_HAVE_URCU
struct ring_queue bench_ring_queue;

struct ring_nodes bench_ring_nodes(void)
{
	struct ring_nodes nodes = {.queue = &bench_ring_queue};

	while (nodes.count < BENCH_RING_BATCH) {
		struct ring_node *node = aligned_alloc(64, sizeof(*node));

		if (!node)
			break;
		nodes.spare[nodes.count++] = node;
	}
	return nodes;
}

void bench_ring_forget(struct ring_nodes *nodes)
{
	for (; nodes->count > 0; nodes->count--)
		free(nodes->spare[nodes->count - 1]);
}
#endif

/* ---- ring-remote */

struct remote {
	void *(*read)(void *remote);
	void *of;
	uint64_t n, end;
	unsigned running;
};

/* Starts the thread that reads, pinned to one CPU, and pins the calling thread to another CPU. */
static bool start_reader(struct remote *remote, pthread_t *reader)
{
	cpu_set_t set;
	pthread_attr_t attr;
	bool started;

	CPU_ZERO(&set);
	CPU_SET(bench_remote_cpu(true), &set);
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	started = pthread_create(reader, &attr, remote->read, remote) == 0;
	(void)pthread_attr_destroy(&attr);
	CPU_ZERO(&set);
	CPU_SET(bench_remote_cpu(false), &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
	while (started && !__atomic_load_n(&remote->running, __ATOMIC_ACQUIRE))
		(void)sched_yield();
	return started;
}

static void wait_for_records(void)
{
	uint64_t until = bench_now() + EMPTY_NS;

	while (bench_now() < until)
		BENCH_PAUSE();
}

/* In `ring-remote` the records must also come in the order of the table. */
static void look_in_order(struct ring_tally *tally, uint64_t i)
{
	tally->wrong |= tally->difference + i % BENCH_RING_TABLE;
	tally->difference = 0;
}

#define RING_REMOTE(name, type, try_write, try_read, release, begin, leave)                                            \
	static void *read_##name(void *arg)                                                                            \
	{                                                                                                              \
		struct remote *remote = arg;                                                                           \
		type *of = remote->of;                                                                                 \
		begin;                                                                                                 \
		RING_TALLY;                                                                                            \
                                                                                                                       \
		__atomic_store_n(&remote->running, 1, __ATOMIC_RELEASE);                                               \
		for (uint64_t i = 0, times = 0; i < remote->n; i++) {                                                  \
			while (RKI_UNLIKELY(!try_read(at, &tally))) {                                                  \
				release(at);                                                                           \
				wait_for_records();                                                                    \
				if (!bench_ring_wait(&times))                                                          \
					return NULL;                                                                   \
			}                                                                                              \
			look_in_order(&tally, i);                                                                      \
			if (i % BENCH_RING_BATCH == 0)                                                                 \
				release(of);                                                                           \
			times = 0;                                                                                     \
		}                                                                                                      \
		release(at);                                                                                           \
		remote->end = bench_now();                                                                             \
		leave;                                                                                                 \
		return NULL;                                                                                           \
	}                                                                                                              \
                                                                                                                       \
	static uint64_t write_##name(uint64_t n, type *of)                                                             \
	{                                                                                                              \
		struct remote remote = {.read = read_##name, .of = of, .n = n};                                        \
		pthread_t reader;                                                                                      \
		bool waits = true;                                                                                     \
		uint64_t start;                                                                                        \
                                                                                                                       \
		if (!start_reader(&remote, &reader))                                                                   \
			return BENCH_FAILED;                                                                           \
		start = bench_now();                                                                                   \
		for (uint64_t i = 0, times = 0; i < n && waits; i++, times = 0)                                        \
			while (RKI_UNLIKELY(!try_write(of, ring_record(i))) && waits)                                  \
				waits = bench_ring_wait(&times);                                                       \
		(void)pthread_join(reader, NULL);                                                                      \
		return bench_settle_ring() && waits && remote.end > start ? remote.end - start : BENCH_FAILED;         \
	}

/* Reads only the ring that is open, because the writer stays on its CPU. */
BENCH_INLINE bool try_rseqkit(struct ring_own *own, struct ring_tally *tally)
{
	struct rk_ring_record record;

	if (!rk_ring_next(&own->reader, &record))
		return false;
	ring_look_at(tally, record.data);
	return true;
}

static struct ring_own open_remote(struct rk_ring *ring)
{
	struct ring_own own = {.ring = ring};

	own.open = rk_ring_open(ring, bench_remote_cpu(false), &own.reader, sizeof(own.reader)) == 0;
	return own;
}

RING_REMOTE(rseqkit, struct ring_own, ring_rseqkit_write, try_rseqkit, ring_rseqkit_release,
	    struct ring_own own = open_remote(of->ring); struct ring_own *at = &own, ring_own_end(at))
RING_REMOTE(mutex, struct ring_guarded, ring_mutex_write, ring_mutex_read, ring_nothing, struct ring_guarded *at = of, )

uint64_t ring_remote_rseqkit(uint64_t n)
{
	struct ring_own own = {.ring = bench_ring};

	return write_rseqkit(n, &own);
}

uint64_t ring_remote_mutex(uint64_t n)
{
	return write_mutex(n, &bench_ring_guarded);
}

#if BENCH_HAVE_CK
RING_REMOTE(spsc, struct ring_ck, ring_spsc_write, ring_spsc_read, ring_nothing, struct ring_ck *at = of, )
RING_REMOTE(mpmc, struct ring_ck, ring_mpmc_write, ring_mpmc_read, ring_nothing, struct ring_ck *at = of, )

uint64_t ring_remote_spsc(uint64_t n)
{
	return write_spsc(n, &bench_ring_spsc);
}

uint64_t ring_remote_mpmc(uint64_t n)
{
	return write_mpmc(n, &bench_ring_mpmc);
}
#else
uint64_t ring_remote_spsc(uint64_t n)
{
	(void)n;
	return BENCH_FAILED;
}

uint64_t ring_remote_mpmc(uint64_t n)
{
	(void)n;
	return BENCH_FAILED;
}
#endif
