/* SPDX-License-Identifier: MIT */
/*
 * connection.h - one client's connection: what it sent, and the answer to that. It belongs to one thread (worker.h).
 *
 * It has one request at a time. The next one isn't looked at before the answer is written, nor is more read, so a client
 * that doesn't read takes no more memory than this.
 */
#ifndef SERVER_CONNECTION_H
#define SERVER_CONNECTION_H

#include "answer.h"
#include "request.h"
#include "statistics.h"

enum phase {
	RECEIVING, /* the head of a request */
	SKIPPING,  /* its body */
	ANSWERING,
	LINGERING, /* our side is closed; what still comes is thrown away, lest the kernel throws the answer away */
};

/* What a connection waits for, or that it is over. AGAIN is only within a turn. */
enum step { AGAIN, WANTS_INPUT, WANTS_OUTPUT, OVER };

struct connection {
	struct connection *newer, *older; /* of the worker's list, or of its newcomers */
	uint64_t since;                   /* the time limit counts from here */
	enum step waits_for;              /* what epoll was told */
	int fd;
	enum phase phase;
	bool input_ended, may_read;
	bool closing;   /* behind this answer */
	bool lingering; /* behind that */
	bool stopping;  /* the server ends */
	bool renewed;   /* in this turn a request began or ended: the time limit counts anew */
	unsigned budget; /* requests left in this turn */
	enum statistic closed_by;
	uint64_t now, started; /* this turn; the request's first byte */
	int64_t received, sent; /* bytes that aren't in the statistics yet */
	struct request request;
	struct answer answer;
	size_t begin, end; /* of what is in the buffer */
	char buffer[REQUEST_LINE_MAX];
};

uint64_t monotonic_time(void); /* in nanoseconds */

/* Of a socket that doesn't block. Returns NULL where there is no memory. */
struct connection *connection_create(int fd);

/* Closes the socket, too. */
void connection_destroy(struct connection *connection);

/* Does what can be done without waiting, but not too much of it at once. */
enum step connection_turn(struct connection *connection, uint64_t now, bool stopping);

/* Its time is over. Returns whether it is still to say so to the client, by a turn. */
bool connection_late(struct connection *connection);

#endif
