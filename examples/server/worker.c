/* SPDX-License-Identifier: MIT */
/*
 * worker.c - the loop of a worker's thread. All connections have the same time limit. The worker's list of connections is in the
 * order of their `since`, so it is also in the order in which their time limits end. The search for late connections ends at the
 * first that isn't late.
 *
 * Epoll is level-triggered, so a turn is allowed to leave input unread.
 */
#include "worker.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define EVENTS 64
#define GRACE UINT64_C(5000000000) /* ns, the time limit after worker_stop() */

static void append(struct worker *worker, struct connection *connection)
{
	connection->older = worker->list.older;
	connection->newer = &worker->list;
	connection->older->newer = connection->newer->older = connection;
}

static void take_out(struct connection *connection)
{
	connection->older->newer = connection->newer;
	connection->newer->older = connection->older;
}

static void renew(struct worker *worker, struct connection *connection, uint64_t now)
{
	take_out(connection);
	connection->since = now;
	append(worker, connection);
}

static void end(struct worker *worker, struct connection *connection)
{
	take_out(connection);
	connection_destroy(connection);
	__atomic_store_n(&worker->ended, worker->ended + 1, __ATOMIC_RELEASE);
}

static void wait_for(struct worker *worker, struct connection *connection, enum step what)
{
	struct epoll_event event = {what == WANTS_INPUT ? EPOLLIN : EPOLLOUT, {.ptr = connection}};

	if (connection->waits_for == what)
		return;
	connection->waits_for = what;
	epoll_ctl(worker->epoll, EPOLL_CTL_MOD, connection->fd, &event);
}

static void serve(struct worker *worker, struct connection *connection, uint64_t now)
{
	enum step step = connection_turn(connection, now, worker->stopping);

	if (step == OVER) {
		end(worker, connection);
		return;
	}
	wait_for(worker, connection, step);
	if (connection->renewed)
		renew(worker, connection, now);
}

static void take_newcomers(struct worker *worker, uint64_t now)
{
	struct connection *newcomer = __atomic_exchange_n(&worker->newcomers, NULL, __ATOMIC_ACQUIRE);

	while (newcomer != NULL) {
		struct connection *next = newcomer->newer;

		newcomer->since = now;
		append(worker, newcomer);
		newcomer = next;
	}
}

static void end_late(struct worker *worker, uint64_t now)
{
	uint64_t limit = worker->stopping && worker->limit > GRACE ? GRACE : worker->limit;

	while (worker->list.newer != &worker->list && now - worker->list.newer->since >= limit) {
		struct connection *connection = worker->list.newer;

		renew(worker, connection, now); /* otherwise the loop could find the same connection again */
		if (connection_late(connection))
			serve(worker, connection, now);
		else
			end(worker, connection);
	}
}

static void stop(struct worker *worker, uint64_t now)
{
	struct connection *next;

	worker->stopping = true;
	epoll_ctl(worker->epoll, EPOLL_CTL_DEL, worker->stop, NULL);
	take_newcomers(worker, now);
	for (struct connection *c = worker->list.newer; c != &worker->list; c = next) {
		next = c->newer;
		serve(worker, c, now);
	}
}

static void *run(void *arg)
{
	struct worker *worker = (struct worker *)arg;
	struct epoll_event events[EVENTS];
	/* Newcomers that send nothing are noticed at the next tick. */
	int tick = worker->limit < 4000000000 ? (int)(worker->limit / 4000000) + 1 : 1000;

	while (!worker->stopping || worker->list.newer != &worker->list) {
		int n = epoll_wait(worker->epoll, events, EVENTS, tick);
		uint64_t now = monotonic_time();
		bool stopped = false;

		take_newcomers(worker, now);
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr == worker)
				stopped = true;
			else
				serve(worker, (struct connection *)events[i].data.ptr, now);
		}
		if (stopped) /* after all events were handled, because stop() can end the connections of these events */
			stop(worker, now);
		end_late(worker, now);
	}
	return NULL;
}

int worker_start(struct worker *worker, uint64_t limit)
{
	struct epoll_event event = {EPOLLIN, {.ptr = worker}};

	worker->limit = limit;
	worker->list.newer = worker->list.older = &worker->list;
	worker->epoll = epoll_create1(EPOLL_CLOEXEC);
	worker->stop = eventfd(0, EFD_CLOEXEC);
	if (worker->epoll < 0 || worker->stop < 0 || epoll_ctl(worker->epoll, EPOLL_CTL_ADD, worker->stop, &event) < 0)
		return -errno;
	return -pthread_create(&worker->thread, NULL, run, worker);
}

int worker_give(struct worker *worker, int fd)
{
	struct connection *connection = connection_create(fd);
	struct epoll_event event = {EPOLLIN, {.ptr = connection}};

	if (connection == NULL)
		return -ENOMEM;
	connection->newer = __atomic_load_n(&worker->newcomers, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&worker->newcomers, &connection->newer, connection, true, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED))
		continue;
	/* The connection belongs to the worker now. If epoll_ctl() fails, the worker ends the connection at its time limit. */
	(void)epoll_ctl(worker->epoll, EPOLL_CTL_ADD, fd, &event);
	return 0;
}

void worker_stop(struct worker *worker)
{
	eventfd_write(worker->stop, 1);
}

void worker_join(struct worker *worker)
{
	pthread_join(worker->thread, NULL);
	close(worker->stop);
	close(worker->epoll);
}
