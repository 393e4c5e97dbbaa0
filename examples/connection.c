/* SPDX-License-Identifier: MIT */
/*
 * connection.c - connections that several threads share. A thread finds a connection in a table, and holds a reference while it
 * uses the connection.
 *
 * Meanwhile the owner closes connections. The thread that drops the last reference of a connection defers the call of free(). The
 * connection is freed when no thread can still have its address from the table.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <rseqkit.h>

#define THREADS 4
#define REQUESTS 500000
#define CONNECTIONS 8
#define CLOSED_AT_LEAST 500

struct connection {
	struct rk_ref ref;
	int number;
	int is_open; /* invariant: not 0 as long as a thread has a reference */
	struct rk_rcu_call call;
};

static struct rk_rcu *rcu; /* a thread looks into the table inside a read section */
static struct connection *table[CONNECTIONS];
static int working = THREADS, made, freed;

static void drop(struct rk_rcu_call *call)
{
	free((char *)call - offsetof(struct connection, call));
	freed++; /* needs no atomic add: only one thread at a time runs calls */
}

/* Called in the thread that drops the last reference. At this moment another thread can be trying to get a reference. */
static void release(struct rk_ref *ref)
{
	struct connection *c = (struct connection *)ref; /* `ref` is the first member of a connection */

	c->is_open = 0;
	while (rk_rcu_defer(rcu, &c->call, drop) != 0)
		;
}

static struct connection *open_one(void)
{
	struct connection *c = malloc(sizeof(*c));

	if (c == NULL || rk_ref_init(&c->ref, release) != 0)
		abort();
	c->number = made++;
	c->is_open = 1;
	return c;
}

/* Returns a connection and takes a reference to it for the caller. Returns NULL if the connection is being closed. */
static struct connection *find(int place)
{
	struct rk_rcu_section *section;
	struct connection *c;

	rk_rcu_read_lock(rcu, &section);
	c = rk_rcu_dereference(table[place]);
	if (rk_ref_get_try(&c->ref) < 0)
		c = NULL;
	rk_rcu_read_unlock(rcu, section);
	return c;
}

static void *serve(void *wrong)
{
	for (int i = 0; i < REQUESTS; i++) {
		struct connection *c = find(i % CONNECTIONS);

		if (c == NULL)
			continue;
		if (!c->is_open)
			*(int *)wrong = 1;
		rk_ref_get(&c->ref); /* a second reference, for example for an answer that is being sent */
		rk_ref_put(&c->ref);
		rk_ref_put(&c->ref);
	}
	__atomic_fetch_sub(&working, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* Drops the owner's references. rk_ref_kill_all() needs only one fence (rseqkit/remote.h) for all connections. */
static int close_all(struct connection *const *connections)
{
	struct rk_ref *refs[CONNECTIONS];

	for (int i = 0; i < CONNECTIONS; i++)
		refs[i] = &connections[i]->ref;
	return rk_ref_kill_all(refs, CONNECTIONS);
}

int main(void)
{
	pthread_t threads[THREADS];
	int wrong[THREADS] = {0}, any = 0;

	if (rk_rcu_create(&rcu, 0) != 0)
		return 1;
	for (int i = 0; i < CONNECTIONS; i++)
		table[i] = open_one();
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, serve, &wrong[i]) != 0)
			abort();
	while (made < CLOSED_AT_LEAST || __atomic_load_n(&working, __ATOMIC_ACQUIRE) > 0) {
		int place = made % CONNECTIONS;
		struct connection *old = rk_rcu_exchange(table[place], open_one());

		if (rk_ref_kill(&old->ref) != 0)
			abort();
		(void)rk_rcu_run(rcu, 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		any |= wrong[i];
	}
	if (close_all(table) != 0 || rk_rcu_barrier(rcu) != 0)
		return 1;
	printf("%d threads with %d requests each; made %d connections, freed %d\n", THREADS, REQUESTS, made, freed);
	return any == 0 && freed == made && rk_rcu_destroy(rcu) == 0 ? 0 : 1;
}
