/* SPDX-License-Identifier: MIT */
/*
 * config.c - a configuration that threads read a million times each without a lock, while another thread replaces it.
 *
 * After a configuration was replaced, a deferred call frees the old configuration as soon as no thread can be reading it any
 * more. A thread that the library starts, the worker of the rcu domain, runs these calls (rseqkit/rcu.h).
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <rseqkit.h>

#define THREADS 4
#define READS 1000000
#define REPLACEMENTS 1000
#define PENDING 100 /* at most this many old configurations wait to be freed */

struct config {
	int version, twice; /* invariant: `twice` is 2 * `version` */
	struct rk_rcu_call call;
};

static struct rk_rcu *rcu;
static struct config *config; /* one writer publishes this pointer, and all readers follow it */
static int reading = THREADS, freed;

static struct config *make(int version)
{
	struct config *c = malloc(sizeof(*c));

	if (c == NULL)
		abort();
	c->version = version;
	c->twice = 2 * version;
	return c;
}

static void drop(struct rk_rcu_call *call)
{
	struct config *c = (struct config *)((char *)call - offsetof(struct config, call));

	c->version = c->twice = -1;
	free(c);
	freed++; /* needs no atomic add: only one thread at a time runs calls */
}

static void *read_it(void *wrong)
{
	int latest = 0;

	for (int i = 0; i < READS; i++) {
		struct rk_rcu_section *section;
		const struct config *c;

		rk_rcu_read_lock(rcu, &section);
		c = rk_rcu_dereference(config);
		if (c->twice != 2 * c->version || c->version < latest)
			*(int *)wrong = 1;
		latest = c->version;
		rk_rcu_read_unlock(rcu, section);
	}
	__atomic_fetch_sub(&reading, 1, __ATOMIC_RELEASE);
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];
	int wrong[THREADS] = {0}, any = 0, replaced = 0;

	if (rk_rcu_create(&rcu, PENDING) != 0 || rk_rcu_worker_start(rcu) != 0)
		return 1;
	config = make(0);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, read_it, &wrong[i]) != 0)
			abort();
	while (replaced < REPLACEMENTS || __atomic_load_n(&reading, __ATOMIC_ACQUIRE) > 0) {
		struct config *old = rk_rcu_exchange(config, make(++replaced));

		while (rk_rcu_defer(rcu, &old->call, drop) != 0) /* too many calls wait: this thread runs some, too */
			(void)rk_rcu_run(rcu, 1000000);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		any |= wrong[i];
	}
	if (rk_rcu_barrier(rcu) != 0 || rk_rcu_worker_stop(rcu) != 0)
		return 1;
	printf("%d threads read it %d times each; replaced %d times, freed %d\n", THREADS, READS, replaced, freed);
	free(config);
	return any == 0 && freed == replaced && rk_rcu_destroy(rcu) == 0 ? 0 : 1;
}
