/* SPDX-License-Identifier: MIT */
/*
 * worker.h - a thread with an epoll, and the connections that it was given.
 *
 * One thread accepts all connections and gives them to the workers in turn. So all workers have equally many, whatever the
 * clients' ports are. And one thread knows how many connections are open.
 */
#ifndef SERVER_WORKER_H
#define SERVER_WORKER_H

#include <pthread.h>
#include "connection.h"

struct worker {
	pthread_t thread;
	int epoll, stop; /* an eventfd */
	uint64_t limit;  /* in nanoseconds: for each request, for each answer, and for the time in between */
	bool stopping;
	struct connection list;       /* the head of its connections, in the order of `since` */
	struct connection *newcomers; /* the accepting thread pushes them, the worker takes all at once */
	int64_t ended;                /* number of ended connections: the worker stores it, the accepting thread reads it */
} __attribute__((__aligned__(128)));

/* Both return 0 or a negative errno. */
int worker_start(struct worker *worker, uint64_t limit);
int worker_give(struct worker *worker, int fd);

/* Tells the worker to answer requests that have begun, and to close its connections. The worker ends within a few seconds. */
void worker_stop(struct worker *worker);
void worker_join(struct worker *worker);

#endif
