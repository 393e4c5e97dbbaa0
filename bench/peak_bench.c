/* SPDX-License-Identifier: MIT */
/* peak_bench.c - the memory of the benches of peaks and levels, and the checks of their results (peak_bench.h). */
#include "peak_bench.h"

#define STEPS 16	  /* an add moves a CPU's part of a level to the shared word when the part would exceed this number */
#define THREADS_MAX 1024 /* the most threads of a bench */

struct rk_peak *bench_peak;
struct rk_level *bench_level, *bench_level_exact;
struct bench_level bench_peak_shared, bench_peak_always;
struct bench_level bench_peak_mutex = {.mutex = PTHREAD_MUTEX_INITIALIZER};
struct bench_level bench_level_shared;
struct bench_level bench_level_mutex = {.mutex = PTHREAD_MUTEX_INITIALIZER};
__thread struct bench_level bench_level_thread_local;

static int64_t announced, error;
static __thread int64_t risen;

int bench_peak_create(void)
{
	int highest = 0, r = rk_peak_create(&bench_peak);

	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
		highest = cpu;
	error = 2 * STEPS * (highest + 1);
	if (r == 0)
		r = rk_level_create(&bench_level, (uint64_t)error);
	return r == 0 ? rk_level_create(&bench_level_exact, 0) : r;
}

void bench_peak_announce(int64_t highest)
{
	peak_raise(&announced, highest);
}

int64_t bench_peak_rise(uint64_t n)
{
	int64_t before = risen;

	risen += (int64_t)n;
	bench_peak_announce(risen);
	return before;
}

/* Compares a maximum with what threads announced, and prepares the next slice. */
static bool is_announced(int64_t maximum)
{
	int64_t expected = announced;

	announced = 0;
	return maximum == expected;
}

static bool settle_peak_of(struct bench_level *level)
{
	int64_t maximum = level->peak;

	level->peak = 0;
	return is_announced(maximum);
}

bool bench_settle_peak(void)
{
	int64_t maximum = 0;

	return rk_peak_max_reset(bench_peak, &maximum) == 0 && is_announced(maximum);
}

bool bench_settle_peak_shared(void)
{
	return settle_peak_of(&bench_peak_shared);
}

bool bench_settle_peak_always(void)
{
	return settle_peak_of(&bench_peak_always);
}

bool bench_settle_peak_mutex(void)
{
	return settle_peak_of(&bench_peak_mutex);
}

bool bench_settle_peak_thread_local(void)
{
	announced = 0; /* the threads' maxima ended with them */
	return true;
}

uint64_t bench_sum_level(void)
{
	return (uint64_t)rk_level_get(bench_level);
}

uint64_t bench_sum_level_exact(void)
{
	return (uint64_t)rk_level_get(bench_level_exact);
}

uint64_t bench_sum_level_shared(void)
{
	return (uint64_t)bench_level_shared.value;
}

uint64_t bench_sum_level_mutex(void)
{
	return (uint64_t)bench_level_mutex.value;
}

/*
 * Returns whether a peak belongs to a slice that ended with this value. After a slice of `level` the value is 0, and the peak is
 * at least 1, and at most the number of threads. After a slice of `level-rising` the peak is the value.
 */
static bool is_peak(int64_t value, int64_t peak, int64_t difference)
{
	int64_t least = value == 0 ? 1 : value, most = value == 0 ? THREADS_MAX : value;

	return peak >= least - difference && peak <= most + difference;
}

static bool settle_level_of(struct rk_level *level, int64_t difference)
{
	int64_t value = rk_level_get(level), peak = rk_level_peak(level);

	rk_level_add(level, -value);
	(void)rk_level_peak_reset(level);
	return is_peak(value, peak, difference);
}

static bool settle_level_alone(struct bench_level *level)
{
	int64_t value = level->value, peak = level->peak;

	level->value = level->peak = 0;
	return is_peak(value, peak, 0);
}

bool bench_settle_level(void)
{
	return settle_level_of(bench_level, error);
}

bool bench_settle_level_exact(void)
{
	return settle_level_of(bench_level_exact, 0);
}

bool bench_settle_level_shared(void)
{
	return settle_level_alone(&bench_level_shared);
}

bool bench_settle_level_mutex(void)
{
	return settle_level_alone(&bench_level_mutex);
}
