/* SPDX-License-Identifier: MIT */
/*
 * storm.h - a storm: threads start and end, move between CPUs, and are interrupted by handlers and fenced by
 * membarrier(2), while the process forks. The test says what the threads do. A few launcher threads start these
 * threads. Each launcher starts one after another, and each thread that it starts is called a life.
 *
 * A storm lasts STRESS_MS / TEST_DIVISOR milliseconds. If STRESS_MS isn't set, USUAL_STRESS_MS replaces it. The storm
 * then continues until everything that the test requires has happened at least once.
 */
#ifndef STORM_H
#define STORM_H

#include "expect.h"
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/sysinfo.h>
#include <time.h>

#define STORM_THREADS_MAX 64
#define STORM_REMOTES_MAX 4
#define STORM_BATCH 500 /* operations in a batch */
#define STORM_FORKS 3000 /* at most this many forks while enough() is false, 10 ms apart; on slow machines fewer forks */

struct storm_thread {
	int number; /* the launcher's number, 0 to storm_count - 1 */
	uint64_t random, handler_random;
	pid_t tid;    /* the thread id of the launcher's present life, or 0 */
	int finished; /* tells the launcher that the life has ended */
};

struct storm {
	void (*live)(struct storm_thread *t);   /* runs one life: some batches of operations, or until stopped() */
	void (*handle)(struct storm_thread *t); /* runs in a signal handler */
	void (*end)(struct storm_thread *t);    /* runs at the end of a life, with signals blocked; NULL: nothing runs */
	int (*child)(void);                     /* runs in the only thread of a child; returns 0 if the result is right */
	void *(*remote)(void *stop);            /* runs in further threads, which aren't moved or signalled, until *(int *)stop */
	int remotes;                            /* the number of these threads */
	bool (*enough)(void);                   /* returns true if everything that the test requires has happened */
};

static struct storm_thread storm_threads[STORM_THREADS_MAX];
static int storm_count, storm_stop;
static const struct storm *the_storm;
static uint64_t storm_lives, storm_moves, storm_signals, storm_fences, storm_forks;
static __thread struct storm_thread *volatile storm_me; /* not NULL while this thread is a life; the handler reads it */

static inline bool stopped(void)
{
	return __atomic_load_n(&storm_stop, __ATOMIC_RELAXED);
}

/* A life that calls `use` again and again, sometimes with the thread unregistered. */
static inline void storm_use(struct storm_thread *t, void (*use)(uint64_t *random))
{
	for (unsigned batches = 1 + draw(&t->random) % 64; batches > 0 && !stopped(); batches--) {
		for (int i = 0; i < STORM_BATCH && !stopped(); i++)
			use(&t->random);
		if (batches % 4 == 0 && rk_vfork_begin() == 0) {
			use(&t->random);
			EXPECT(rk_vfork_end() == 0);
		}
	}
}

static void on_storm(int signo)
{
	(void)signo;
	if (storm_me != NULL) /* is NULL if the signal was for a life that ended, and another thread has the same id now */
		the_storm->handle(storm_me);
}

static void *storm_live(void *arg)
{
	struct storm_thread *t = arg;
	sigset_t set;

	storm_me = t;
	__atomic_store_n(&t->tid, gettid(), __ATOMIC_RELEASE);
	__atomic_fetch_add(&storm_lives, 1, __ATOMIC_RELAXED);
	the_storm->live(t);
	__atomic_store_n(&t->tid, 0, __ATOMIC_RELEASE);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	storm_me = NULL;
	if (the_storm->end != NULL)
		the_storm->end(t);
	__atomic_store_n(&t->finished, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void storm_start(pthread_t *thread, struct storm_thread *t, unsigned life)
{
	int r = -ENOTSUP;

	t->finished = 0;
	if (life % 4 == 1)
		r = create_unregistered(thread, storm_live, t);
	if (r == -ENOTSUP)
		r = pthread_create(thread, NULL, storm_live, t);
	if (r != 0)
		abort();
}

/*
 * Starts one life after another. Each life is joined or detached. At its start it is either registered by the libc,
 * or not registered yet.
 */
static void *storm_launch(void *arg)
{
	struct storm_thread *t = arg;
	pthread_t thread;

	for (unsigned life = 0; life == 0 || !stopped(); life++) {
		storm_start(&thread, t, life);
		if (life % 2 == 0) {
			pthread_join(thread, NULL);
			continue;
		}
		pthread_detach(thread);
		while (!__atomic_load_n(&t->finished, __ATOMIC_ACQUIRE))
			usleep(200);
	}
	return NULL;
}

/*
 * Binds the thread `tid` to a random set of CPUs. Some CPUs of the set may be offline, or not allowed to this process. The
 * kernel ignores these CPUs, and refuses the set if it has no others.
 */
static void storm_move(pid_t tid, uint64_t *random)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int cpu = rk_cpus_next(-1); cpu >= 0 && cpu < CPU_SETSIZE; cpu = rk_cpus_next(cpu))
		if (draw(random) % 4 == 0)
			CPU_SET(cpu, &set);
	storm_moves += sched_setaffinity(tid, sizeof(set), &set) == 0;
}

static void storm_fence(uint64_t *random)
{
	int one = draw(random) % 2 == 0;

	storm_fences += syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, one ? MEMBARRIER_CMD_FLAG_CPU : 0,
				one ? any_cpu(random) : 0) == 0;
}

/* Moves, signals and fences threads, as often as this thread gets a processor. */
static void *storm_agitate(void *arg)
{
	uint64_t random = 88172645463325252;

	(void)arg;
	(void)rk_thread_prepare();
	(void)syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0);
	while (!stopped()) {
		uint64_t what = draw(&random) % 16;
		pid_t tid = __atomic_load_n(&storm_threads[draw(&random) % (unsigned)storm_count].tid, __ATOMIC_ACQUIRE);

		/* The thread may have ended by now, and another thread of this process may have its id. */
		if (tid != 0 && what < 8)
			storm_move(tid, &random);
		else if (tid != 0 && what < 15)
			storm_signals += syscall(SYS_tgkill, getpid(), tid, SIGUSR1) == 0;
		else
			storm_fence(&random);
		if (draw(&random) % 16 == 0)
			usleep(50);
	}
	return NULL;
}

static uint64_t storm_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t storm_ms(void)
{
	const char *ms = getenv("STRESS_MS"), *usual = getenv("USUAL_STRESS_MS"), *divisor = getenv("TEST_DIVISOR");
	uint64_t result;

	if (ms == NULL)
		ms = usual == NULL ? "1000" : usual;
	result = strtoull(ms, NULL, 10) / (divisor == NULL ? 1 : strtoull(divisor, NULL, 10));

	return result < 200 ? 200 : result; /* time enough for each thread to run */
}

/* RUN() uses this limit, in seconds. */
#undef TEST_SECONDS
#define TEST_SECONDS (unsigned)(240 + storm_ms() / 1000)

/* Reads a count while other threads add to the count. */
static inline uint64_t count_now(const uint64_t *count)
{
	return __atomic_load_n(count, __ATOMIC_RELAXED);
}

static void storm_run(const struct storm *storm)
{
	struct sigaction action = {.sa_handler = on_storm, .sa_flags = SA_RESTART};
	pthread_t launchers[STORM_THREADS_MAX], agitator, remotes[STORM_REMOTES_MAX];
	const int most = SLOWNESS() < STORM_FORKS / 100 ? (int)(STORM_FORKS / SLOWNESS()) : 100;
	uint64_t begin = storm_now();
	int forks = 0;

	the_storm = storm;
	storm_stop = 0;
	storm_count = get_nprocs() + 2 < STORM_THREADS_MAX ? get_nprocs() + 2 : STORM_THREADS_MAX;
	sigaction(SIGUSR1, &action, NULL);
	for (int i = 0; i < storm_count; i++) {
		storm_threads[i].number = i;
		storm_threads[i].random = 2463534242 + (uint64_t)i;
		storm_threads[i].handler_random = 362436069 + (uint64_t)i;
		assert_int_equal(pthread_create(&launchers[i], NULL, storm_launch, &storm_threads[i]), 0);
	}
	assert_int_equal(pthread_create(&agitator, NULL, storm_agitate, NULL), 0);
	for (int i = 0; i < storm->remotes; i++)
		assert_int_equal(pthread_create(&remotes[i], NULL, storm->remote, &storm_stop), 0);
	do {
		EXPECT(in_child(storm->child) == 0);
		forks++;
		usleep(10000);
	} while (storm_now() < begin + storm_ms() || (!storm->enough() && forks < most));
	storm_forks += (uint64_t)forks;
	__atomic_store_n(&storm_stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < storm_count; i++)
		assert_int_equal(pthread_join(launchers[i], NULL), 0);
	assert_int_equal(pthread_join(agitator, NULL), 0);
	for (int i = 0; i < storm->remotes; i++)
		assert_int_equal(pthread_join(remotes[i], NULL), 0);
	printf("# %llu ms, %d threads at a time: %llu lives; %llu moves, %llu signals, %llu fences, %llu forks\n",
	       (unsigned long long)(storm_now() - begin), storm_count, (unsigned long long)storm_lives,
	       (unsigned long long)storm_moves, (unsigned long long)storm_signals, (unsigned long long)storm_fences,
	       (unsigned long long)storm_forks);
}

/* The limit of a program that runs several storms. STRESS_MS can make each storm long. */
#undef TEST_SECONDS
#define TEST_SECONDS ((unsigned)(400 + 4 * storm_ms() / 1000))

#endif /* STORM_H */
