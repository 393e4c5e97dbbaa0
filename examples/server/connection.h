/* SPDX-License-Identifier: MIT */
/*
 * connection.h - the connection of a client: its input, and the answer. A connection belongs to one thread (worker.h).
 *
 * A connection has one request at a time. Before the answer to this request is written, the server doesn't look at the next
 * request, and doesn't read the socket. A client that doesn't read therefore costs only this structure, and the text of one
 * answer.
 */
#ifndef SERVER_CONNECTION_H
#define SERVER_CONNECTION_H

#include "answer.h"
#include "request.h"
#include "statistics.h"

enum phase {
	RECEIVING, /* receives the head of a request */
	SKIPPING,  /* receives the body of a request, and discards it */
	ANSWERING,
	LINGERING, /* our side is closed; input is discarded, because unread input would cause a reset, and lose the answer */
};

/* The condition that a connection waits for after a turn (connection_turn()), or OVER. AGAIN is used only within a turn. */
enum step { AGAIN, WANTS_INPUT, WANTS_OUTPUT, OVER };

struct connection {
	struct connection *newer, *older; /* in the worker's list; `newer` also links the worker's newcomers */
	uint64_t since;                   /* the time limit counts from here */
	enum step waits_for;              /* the condition that epoll waits for */
	int fd;
	enum phase phase;
	bool input_ended, may_read;
	bool closing;   /* the connection ends after this answer */
	bool lingering; /* the phase LINGERING comes before the end */
	bool stopping;  /* the server is ending */
	bool renewed;   /* a request began or ended in this turn, so the time limit starts again */
	unsigned budget; /* requests left in this turn */
	enum statistic closed_by;
	uint64_t now, started; /* `now`: the time of this turn. `started`: the time of the request's first byte */
	int64_t received, sent; /* bytes that aren't in the statistics yet */
	struct request request;
	struct answer answer;
	size_t begin, end; /* the range of the buffer that has input */
	char buffer[REQUEST_LINE_MAX];
};

uint64_t monotonic_time(void); /* in nanoseconds */

/* Makes the connection of a non-blocking socket. Returns NULL if there is no memory. */
struct connection *connection_create(int fd);

/* Frees the connection, and closes its socket. */
void connection_destroy(struct connection *connection);

/* Does what is possible without waiting, up to a limit for each turn. */
enum step connection_turn(struct connection *connection, uint64_t now, bool stopping);

/* Call this after the time limit. Returns true if the connection needs one more turn, to answer that the request was late. */
bool connection_late(struct connection *connection);

#endif
