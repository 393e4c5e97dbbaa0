/* SPDX-License-Identifier: MIT */
/*
 * versioned.c - uses the program's own operation (versioned.h): threads on any CPU set a value that has a version.
 *
 * If the operation returns that it set the value, this value is never lost, and two values are never mixed.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <rseqkit.h>
#include "versioned.h"

#define THREADS 4
#define ROUNDS 200000

static void *slots; /* per-CPU memory with a slot for each CPU, which points to the CPU's object */
static int64_t done, without_rseq, wrong;

/*
 * Returns the CPU whose object's version the caller is to read. If the thread then moves, it sets a value only if the object of
 * its new CPU has the same version.
 */
static int cpu_here(void)
{
	int cpu = rk_cpu();

	return cpu < 0 ? rk_cpus_next(-1) : cpu;
}

static struct versioned *object_of(int cpu)
{
	return *(struct versioned **)rk_percpu_slot(slots, cpu);
}

/* The version is the number of sets. The value is the same number. */
static void *work(void *arg)
{
	for (int i = 0; i < ROUNDS;) {
		const struct versioned *object = object_of(cpu_here());
		intptr_t version = __atomic_load_n(&object->version, __ATOMIC_RELAXED);
		enum rk_result result = versioned_set(slots, version, version + 1);

		if (result == RK_NO_RSEQ) {
			__atomic_fetch_add(&without_rseq, 1, __ATOMIC_RELAXED);
			return arg;
		}
		i += result == RK_DONE;
	}
	__atomic_fetch_add(&done, ROUNDS, __ATOMIC_RELAXED);
	return arg;
}

int main(void)
{
	struct rk_percpu_options options = {.item_size = sizeof(struct versioned *)};
	struct rk_percpu *pool;
	pthread_t threads[THREADS];
	int64_t versions = 0;

	if (rk_percpu_create(&pool, &options, sizeof(options)) < 0 || rk_percpu_alloc(pool, &slots) < 0)
		return 1;
	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu)) {
		struct versioned *object = aligned_alloc(64, 64);

		if (object == NULL)
			return 1;
		*object = (struct versioned){.version = 0};
		*(struct versioned **)rk_percpu_slot(slots, cpu) = object;
	}
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, work, NULL) != 0)
			return 1;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu)) {
		struct versioned *object = object_of(cpu);

		versions += object->version;
		wrong += object->halves[object->version & 1] != object->version;
		free(object);
	}
	printf("%ld values set by %d threads, %ld versions, %ld wrong; %ld threads without rseq\n", (long)done, THREADS,
	       (long)versions, (long)wrong, (long)without_rseq);
	if (rk_percpu_free(pool, slots) < 0 || rk_percpu_destroy(pool) < 0)
		return 1;
	return versions == done && wrong == 0 ? 0 : 1;
}
