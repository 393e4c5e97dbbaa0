/* SPDX-License-Identifier: MIT */
/*
 * connection.c - the states of a connection. Each state has a step, which returns what the connection waits for.
 *
 * A turn makes steps until the connection has to wait. In a turn the server reads the socket once, and answers a limited number
 * of requests. A client that sends much therefore doesn't delay the other clients.
 */
#include "connection.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TURN_REQUESTS 32

uint64_t monotonic_time(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

struct connection *connection_create(int fd)
{
	struct connection *connection = (struct connection *)malloc(sizeof(*connection));

	if (connection == NULL)
		return NULL;
	memset(connection, 0, offsetof(struct connection, buffer));
	connection->fd = fd;
	connection->waits_for = WANTS_INPUT;
	connection->closed_by = CLOSED_BROKEN;
	return connection;
}

void connection_destroy(struct connection *connection)
{
	if (!answer_is_written(&connection->answer))
		statistics_add(REQUESTS_ABORTED, 1);
	statistics_add(BYTES_RECEIVED, connection->received);
	statistics_add(BYTES_SENT, connection->sent);
	statistics_add(connection->closed_by, 1);
	close(connection->fd);
	answer_release(&connection->answer);
	free(connection);
}

static enum step over(struct connection *connection, enum statistic closed_by)
{
	connection->closed_by = closed_by;
	return OVER;
}

/* Has a part of a request arrived? */
static bool has_begun(const struct connection *connection)
{
	return connection->request.state != REQUEST_AT_LINE || connection->end > connection->begin;
}

static enum step read_more(struct connection *connection)
{
	bool began = has_begun(connection);
	size_t left = connection->end - connection->begin;
	ssize_t n;

	if (!connection->may_read)
		return WANTS_INPUT;
	connection->may_read = false;
	memmove(connection->buffer, connection->buffer + connection->begin, left);
	connection->begin = 0;
	connection->end = left;
	n = recv(connection->fd, connection->buffer + left, sizeof(connection->buffer) - left, 0);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? WANTS_INPUT : over(connection, CLOSED_BROKEN);
	if (n == 0)
		connection->input_ended = true;
	connection->end += (size_t)n;
	connection->received += n;
	if (!began && n > 0) {
		connection->started = connection->now;
		connection->renewed = true;
	}
	return AGAIN;
}

static void count_request(struct connection *connection)
{
	statistics_request(connection->received);
	connection->received = 0;
	connection->renewed = true;
	connection->phase = ANSWERING;
}

static enum step answer(struct connection *connection)
{
	const struct request *request = &connection->request;

	connection->closing = request->close || (request->http_1_0 && !request->keep_alive) || connection->stopping;
	count_request(connection); /* before the answer is made: if the answer shows the statistics, they include this request */
	answer_prepare(&connection->answer, request, connection->closing);
	return AGAIN;
}

/* The input after a wrong request can't be parsed, so the connection ends. */
static enum step answer_error(struct connection *connection, enum status status)
{
	connection->closing = connection->lingering = true;
	count_request(connection);
	answer_prepare_error(&connection->answer, status);
	return AGAIN;
}

static enum step receive(struct connection *connection)
{
	struct request *request = &connection->request;

	connection->begin += request_parse(request, connection->buffer + connection->begin,
					   connection->end - connection->begin);
	if (request->state == REQUEST_WRONG)
		return answer_error(connection, request->status);
	if (request->state == REQUEST_WHOLE) {
		connection->phase = SKIPPING;
		return AGAIN;
	}
	if (connection->input_ended)
		return has_begun(connection) ? answer_error(connection, STATUS_400) : over(connection, CLOSED_BY_CLIENT);
	return read_more(connection);
}

static enum step skip(struct connection *connection)
{
	size_t here = connection->end - connection->begin;
	size_t skipped = connection->request.body < here ? (size_t)connection->request.body : here;

	connection->begin += skipped;
	connection->request.body -= skipped;
	if (connection->request.body == 0)
		return answer(connection);
	return connection->input_ended ? answer_error(connection, STATUS_400) : read_more(connection);
}

static enum step conclude(struct connection *connection)
{
	connection->renewed = true;
	if (connection->closing) {
		/* If a connection is closed with unread input, the kernel resets it, so such a connection lingers first. */
		if (!connection->lingering && connection->begin == connection->end)
			return over(connection, CLOSED_BY_SERVER);
		connection->phase = LINGERING;
		shutdown(connection->fd, SHUT_WR);
		return AGAIN;
	}
	connection->phase = RECEIVING;
	request_begin(&connection->request);
	return connection->budget-- > 0 ? AGAIN : WANTS_OUTPUT; /* the next turn comes after other connections' turns */
}

static enum step write_answer(struct connection *connection)
{
	ssize_t n = answer_write(&connection->answer, connection->fd);
	uint64_t now;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? WANTS_OUTPUT : over(connection, CLOSED_BROKEN);
	connection->sent += n;
	if (!answer_is_written(&connection->answer)) {
		statistics_add(BYTES_SENT, connection->sent);
		connection->sent = 0;
		return WANTS_OUTPUT;
	}
	now = monotonic_time();
	statistics_response(connection->answer.status, connection->sent, now - connection->started);
	connection->sent = 0;
	connection->started = now; /* the next request begins now: it can be in the buffer already */
	answer_release(&connection->answer);
	return conclude(connection);
}

static enum step linger(struct connection *connection)
{
	connection->begin = connection->end = 0;
	return connection->input_ended ? over(connection, CLOSED_BY_SERVER) : read_more(connection);
}

enum step connection_turn(struct connection *connection, uint64_t now, bool stopping)
{
	static enum step (*const steps[])(struct connection *connection) = {
		[RECEIVING] = receive, [SKIPPING] = skip, [ANSWERING] = write_answer, [LINGERING] = linger};
	enum step step = AGAIN;

	connection->now = now;
	connection->stopping = stopping;
	connection->may_read = true;
	connection->renewed = false;
	connection->budget = TURN_REQUESTS;
	while (step == AGAIN)
		step = steps[connection->phase](connection);
	if (stopping && step == WANTS_INPUT && connection->phase == RECEIVING && !has_begun(connection))
		return over(connection, CLOSED_BY_SERVER);
	return step;
}

bool connection_late(struct connection *connection)
{
	const struct linger at_once = {1, 0};
	bool incomplete = connection->phase == SKIPPING || (connection->phase == RECEIVING && has_begun(connection));

	/*
	 * A late connection that waits for output gets no answer 408, because its client doesn't even take the previous answer.
	 */
	if (incomplete && connection->waits_for == WANTS_INPUT) {
		answer_error(connection, STATUS_408);
		return true;
	}
	/* Resets the connection. Otherwise the kernel would keep the data that the client doesn't read. */
	if (connection->waits_for == WANTS_OUTPUT)
		setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	connection->closed_by = CLOSED_LATE;
	return false;
}
