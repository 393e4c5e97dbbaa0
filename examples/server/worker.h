/* SPDX-License-Identifier: MIT */
/*
 * worker.h - a worker: a thread with an epoll descriptor of its own, and the connections that this thread was given.
 *
 * One thread accepts all connections and gives them to the workers in turn. All workers therefore get equally many connections,
 * and this doesn't depend on the clients' ports. Also, this one thread knows how many connections are open.
 */
#ifndef SERVER_WORKER_H
#define SERVER_WORKER_H

#include <pthread.h>
#include "connection.h"

struct worker {
	pthread_t thread;
	int epoll, stop; /* `stop` is an eventfd */
	uint64_t limit;  /* the time limit in nanoseconds for each request, each answer, and the time in between */
	bool stopping;
	struct connection list;       /* the head of the worker's connections, in the order of `since` */
	struct connection *newcomers; /* the accepting thread pushes them, the worker takes all together */
	int64_t ended;                /* number of ended connections: the worker stores it, the accepting thread reads it */
} __attribute__((__aligned__(128)));

/* worker_start() and worker_give() return 0 or a negative errno. */
int worker_start(struct worker *worker, uint64_t limit);
int worker_give(struct worker *worker, int fd);

/* Lets the worker answer requests that have begun, close its connections, and end within a few seconds. */
void worker_stop(struct worker *worker);
void worker_join(struct worker *worker);

#endif
