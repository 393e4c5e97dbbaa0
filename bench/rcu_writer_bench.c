/* SPDX-License-Identifier: MIT */
/*
 * rcu_writer_bench.c - the loops of the benches `rcu-writer` and `rcu-writer-running`. One thread replaces an object again and
 * again. In the second bench other threads read the object (rcu_bench.h).
 *
 * The writer runs on one CPU. "Running" means that on each other CPU that the process may use, a thread reads as fast as it can,
 * until the writer is done. On a machine with one CPU the writer and a reader share this CPU, and the figure shows the kernel's
 * time slices.
 */
#define _GNU_SOURCE
#include "rcu_bench.h"
#include "remote_bench.h"

#include <errno.h>
#include <sched.h>
#include <time.h>

#define GONE 0xdead0000dead /* the word of an object that no thread is allowed to read any more */
#define LINGERS_NS 100000 /* more than the time of a grace period that waits for no reader */
#define TRIES 4

static struct bench_rcu_object first_spare;
static struct bench_rcu_object *spare = &first_spare;
static cpu_set_t allowed;

int bench_rcu_writer_create(void)
{
	return sched_getaffinity(0, sizeof(allowed), &allowed) == 0 ? 0 : -errno;
}

/* The functions of a contender. `read` runs in separate threads until they are stopped. `wait` waits for a grace period. */
struct way {
	void (*enter)(void); /* called first in the writer's thread; NULL if there is nothing to do */
	void *(*read)(void *arg);
	bool (*wait)(void);
};

/*
 * The readers of a slice (one measured run, bench.h). A reader that finds the word of an object to be GONE reports that in
 * `wrong`.
 */
static struct {
	pthread_t ids[CPU_SETSIZE];
	unsigned count;
	unsigned running __attribute__((__aligned__(128)));
	unsigned lingering;
	uint64_t wrong;
	bool stop __attribute__((__aligned__(128)));
	bool linger; /* true asks each reader to call linger_at() in one section */
} readers;

/* Returns 0, or another value if the object's word is GONE. */
BENCH_INLINE uint64_t look_at(const struct bench_rcu_object *object)
{
	return __atomic_load_n(&object->one, __ATOMIC_RELAXED) ^ 1;
}

/* Called in a section that has read `object`. Waits until the object was replaced, and then for LINGERS_NS. */
static uint64_t linger_at(const struct bench_rcu_object *object)
{
	uint64_t wrong = 0, end;

	__atomic_fetch_add(&readers.lingering, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&bench_rcu_place.object, __ATOMIC_RELAXED) == object &&
	       !__atomic_load_n(&readers.stop, __ATOMIC_RELAXED))
		;
	for (end = bench_now() + LINGERS_NS; bench_now() < end;)
		wrong |= look_at(object);
	return wrong;
}

/* Defines the function of a reader's thread. `end` can use n, the number of the section. */
#define READER(name, enter, begin, end)                                                                                \
	static void *read_##name(void *arg)                                                                            \
	{                                                                                                              \
		uint64_t wrong = 0, lingered = 0;                                                                      \
                                                                                                                       \
		enter;                                                                                                 \
		for (uint64_t n = 0; !__atomic_load_n(&readers.stop, __ATOMIC_RELAXED); n++) {                         \
			const struct bench_rcu_object *object;                                                         \
                                                                                                                       \
			begin;                                                                                         \
			object = rk_rcu_dereference(bench_rcu_place.object);                                           \
			wrong |= look_at(object);                                                                      \
			if (RKI_UNLIKELY(__atomic_load_n(&readers.linger, __ATOMIC_RELAXED)) && lingered++ == 0)       \
				wrong |= linger_at(object);                                                            \
			end;                                                                                           \
			if (RKI_UNLIKELY(n == 0))                                                                      \
				__atomic_fetch_add(&readers.running, 1, __ATOMIC_RELEASE);                             \
		}                                                                                                      \
		__atomic_fetch_or(&readers.wrong, wrong, __ATOMIC_RELAXED);                                            \
		return arg;                                                                                            \
	}

static bool start_reader(const struct way *way, int cpu)
{
	pthread_attr_t attr;
	cpu_set_t set;
	bool started;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	started = pthread_create(&readers.ids[readers.count], &attr, way->read, NULL) == 0;
	(void)pthread_attr_destroy(&attr);
	readers.count += started;
	return started;
}

static void wait_for_readers(const unsigned *these)
{
	while (__atomic_load_n(these, __ATOMIC_ACQUIRE) < readers.count)
		(void)sched_yield();
}

/* Starts the readers, and waits until each has read once. Returns false if one couldn't be started. */
static bool start_readers(const struct way *way)
{
	bool started = true;

	for (int cpu = 0; cpu < CPU_SETSIZE && started; cpu++)
		if (CPU_ISSET(cpu, &allowed) && cpu != bench_remote_cpu(false))
			started = start_reader(way, cpu);
	if (started && readers.count == 0)
		started = start_reader(way, bench_remote_cpu(true));
	if (started)
		wait_for_readers(&readers.running);
	return started;
}

static void stop_readers(void)
{
	__atomic_store_n(&readers.stop, true, __ATOMIC_RELAXED);
	for (; readers.count > 0; readers.count--)
		(void)pthread_join(readers.ids[readers.count - 1], NULL);
	readers.running = readers.lingering = 0;
	readers.stop = readers.linger = false;
}

/* Publishes the spare object, and waits until no reader can have the previous one. */
static bool replace(const struct way *way)
{
	struct bench_rcu_object *old;
	bool waited;

	__atomic_store_n(&spare->one, 1, __ATOMIC_RELAXED);
	old = rk_rcu_exchange(bench_rcu_place.object, spare);
	waited = way->wait();
	__atomic_store_n(&old->one, GONE, __ATOMIC_RELAXED);
	spare = old;
	return waited;
}

/*
 * Normal sections are so short that readers would hardly ever find GONE, even if a grace period didn't wait for readers. Each
 * reader therefore stays longer in one section. When all readers are in such a section, the writer replaces the object once
 * more.
 */
static bool replace_while_they_linger(const struct way *way)
{
	__atomic_store_n(&readers.linger, true, __ATOMIC_RELAXED);
	wait_for_readers(&readers.lingering);
	return replace(way);
}

/* Returns the CPU time of all readers together, in nanoseconds. */
static uint64_t readers_ran(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < readers.count; i++) {
		struct timespec t = {0};
		clockid_t clock;

		if (pthread_getcpuclockid(readers.ids[i], &clock) == 0 && clock_gettime(clock, &t) == 0)
			sum += (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
	}
	return sum;
}

/* Makes n replacements. Returns nanoseconds. Sets *together to whether all readers ran for nearly all of this time. */
static uint64_t replace_often(const struct way *way, uint64_t n, bool *together)
{
	uint64_t ran = readers_ran(), ns = bench_now();
	bool good = true;

	for (uint64_t i = 0; i < n && good; i++)
		good = replace(way);
	ns = bench_now() - ns;
	*together = readers_ran() - ran >= ns / 100 * 99 * readers.count;
	return good && ns > 0 ? ns : BENCH_FAILED;
}

/*
 * Measures with readers on the other CPUs, or without readers. The writer doesn't interrupt a reader that doesn't run, and
 * waits for this reader only if it is in a section. A slice (one measured run, bench.h) in which some readers don't run is
 * too fast, and `rseqkit bench` uses the fastest of many slices. Therefore such a slice is repeated, as in worker.c.
 */
static uint64_t write_by(const struct way *way, uint64_t n, bool running)
{
	uint64_t ns = BENCH_FAILED;
	bool together = false, good;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(bench_remote_cpu(false), &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
	if (way->enter != NULL)
		way->enter();
	readers.wrong = 0;
	good = !running || start_readers(way);
	for (int i = 0; good && i < (CPU_COUNT(&allowed) > 1 ? TRIES : 1) && !together; i++) {
		ns = replace_often(way, n, &together);
		good = ns != BENCH_FAILED;
	}
	good = good && replace_while_they_linger(way);
	stop_readers();
	return good && readers.wrong == 0 ? ns : BENCH_FAILED;
}

#define WRITER(name)                                                                                                   \
	uint64_t rcu_writer_##name(uint64_t n)                                                                         \
	{                                                                                                              \
		return write_by(&way_##name, n, false);                                                                \
	}                                                                                                              \
                                                                                                                       \
	uint64_t rcu_writer_running_##name(uint64_t n)                                                                 \
	{                                                                                                              \
		return write_by(&way_##name, n, true);                                                                 \
	}

static bool wait_rseqkit(void)
{
	return rk_rcu_synchronize(bench_rcu) == 0;
}

READER(rseqkit, struct rk_rcu_section *section, rk_rcu_read_lock(bench_rcu, &section),
       rk_rcu_read_unlock(bench_rcu, section))

static const struct way way_rseqkit = {.read = read_rseqkit, .wait = wait_rseqkit};

WRITER(rseqkit)

#if BENCH_HAVE_URCU_FLAVOURS
READER(bp, bench_rcu_enter_bp(), urcu_bp_read_lock(), urcu_bp_read_unlock())
READER(mb, bench_rcu_enter_mb(), urcu_mb_read_lock(), urcu_mb_read_unlock())
READER(memb, bench_rcu_enter_memb(), urcu_memb_read_lock(), urcu_memb_read_unlock())
READER(qsbr, bench_rcu_enter_qsbr(), urcu_qsbr_read_lock(), urcu_qsbr_read_unlock(); rcu_qsbr_announce(n))

/* The writer's thread is registered, too. Without any registered thread a grace period would wait for nothing. */
#define FLAVOUR(flavour)                                                                                               \
	static bool wait_##flavour(void)                                                                               \
	{                                                                                                              \
		urcu_##flavour##_synchronize_rcu();                                                                    \
		return true;                                                                                           \
	}                                                                                                              \
                                                                                                                       \
	static const struct way way_##flavour = {                                                                      \
		.enter = bench_rcu_enter_##flavour, .read = read_##flavour, .wait = wait_##flavour};                   \
                                                                                                                       \
	WRITER(flavour)

FLAVOUR(bp)
FLAVOUR(mb)
FLAVOUR(memb)
FLAVOUR(qsbr)
#else
#define ABSENT(name)                                                                                                   \
	uint64_t name(uint64_t n)                                                                                      \
	{                                                                                                              \
		(void)n;                                                                                               \
		return BENCH_FAILED;                                                                                   \
	}

ABSENT(rcu_writer_bp)
ABSENT(rcu_writer_mb)
ABSENT(rcu_writer_memb)
ABSENT(rcu_writer_qsbr)
ABSENT(rcu_writer_running_bp)
ABSENT(rcu_writer_running_mb)
ABSENT(rcu_writer_running_memb)
ABSENT(rcu_writer_running_qsbr)
#endif
