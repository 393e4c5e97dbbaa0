/* SPDX-License-Identifier: MIT */
/* lock_bench.c - the locks of the benches `lock` and `rwlock`, and the checks after a slice, one measured run (lock_bench.h). */
#include "lock_bench.h"

#include <errno.h>
#include <stdlib.h>

struct rk_lock *bench_lock;
struct bench_lock_mutex *bench_lock_mutexes, bench_lock_mutex = {.mutex = PTHREAD_MUTEX_INITIALIZER};
void *bench_lock_floor;
struct rk_rwlock *bench_rwlock;

static int highest_cpu(void)
{
	int highest = 0;

	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
		highest = cpu;
	return highest;
}

int bench_lock_create(void)
{
	int cpus = highest_cpu() + 1, r = rk_lock_create(&bench_lock, sizeof(uint64_t));

	bench_lock_mutexes = aligned_alloc(128, (size_t)cpus * sizeof(*bench_lock_mutexes));
	if (r == 0 && bench_lock_mutexes == NULL)
		r = -ENOMEM;
	for (int cpu = 0; r == 0 && cpu < cpus; cpu++)
		bench_lock_mutexes[cpu] = (struct bench_lock_mutex){.mutex = PTHREAD_MUTEX_INITIALIZER};
	if (r == 0)
		r = bench_slots_create(&bench_lock_floor);
	return r == 0 ? rk_rwlock_create(&bench_rwlock, 0) : r;
}

uint64_t bench_sum_lock_rseqkit(void)
{
	int cpu = RK_INDEX_OVERFLOW;
	uint64_t sum = 0;

	do
		sum += *(uint64_t *)rk_lock_data(bench_lock, cpu);
	while ((cpu = rk_cpus_next(cpu)) >= 0);
	return sum;
}

uint64_t bench_sum_lock_mutexes(void)
{
	uint64_t sum = 0;

	for (int cpu = highest_cpu(); cpu >= 0; cpu--)
		sum += bench_lock_mutexes[cpu].word;
	return sum;
}

uint64_t bench_sum_lock_mutex(void)
{
	return bench_lock_mutex.word;
}

bool bench_settle_rwlock_rseqkit(void)
{
	return rk_rwlock_write_lock_try(bench_rwlock) == 0 && rk_rwlock_write_unlock(bench_rwlock) == 0;
}

#if BENCH_HAVE_CK
struct bench_rwlock_ck bench_rwlock_ck = {CK_RWLOCK_INITIALIZER};

bool bench_settle_rwlock_ck(void)
{
	if (!ck_rwlock_write_trylock(&bench_rwlock_ck.lock))
		return false;
	ck_rwlock_write_unlock(&bench_rwlock_ck.lock);
	return true;
}
#else
bool bench_settle_rwlock_ck(void)
{
	return false;
}
#endif
