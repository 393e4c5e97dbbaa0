/* SPDX-License-Identifier: MIT */
/*
 * worker.h - a thread with an epoll, and the connections that it was given. One thread accepts for all and gives them out in
 * turn: workers have equally many, whatever the clients' ports, and there is one place that knows how many are open.
 */
#ifndef SERVER_WORKER_H
#define SERVER_WORKER_H

#include <pthread.h>
#include "connection.h"

struct worker {
	pthread_t thread;
	int epoll, stop; /* an eventfd */
	uint64_t limit;  /* of the time for each request, each answer, and in between, in nanoseconds */
	bool stopping;
	struct connection list;       /* the head of its connections, in the order of `since` */
	struct connection *newcomers; /* pushed by who accepts, taken all at once by the worker */
	int64_t ended;                /* connections that are no more: stored by the worker, read by who accepts */
} __attribute__((__aligned__(128)));

/* Both return 0 or a negative errno. */
int worker_start(struct worker *worker, uint64_t limit);
int worker_give(struct worker *worker, int fd);

/* Has it answer what is there, and close its connections. It ends within some seconds. */
void worker_stop(struct worker *worker);
void worker_join(struct worker *worker);

#endif
