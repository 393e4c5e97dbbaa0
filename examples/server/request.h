/* SPDX-License-Identifier: MIT */
/*
 * request.h - the head of an HTTP/1.x request, parsed as it comes in. It does no I/O, and allocates nothing.
 *
 * Bytes are taken by whole lines, so what is found doesn't depend on how they were split. The caller keeps the rest.
 */
#ifndef SERVER_REQUEST_H
#define SERVER_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "status.h"

#define REQUEST_LINE_MAX 4096  /* bytes of one line, with its end */
#define REQUEST_HEAD_MAX 16384 /* bytes of all lines */
#define REQUEST_BODY_MAX (1 << 20)
#define REQUEST_PATH_MAX 64 /* with its end; no path that is served is longer */

enum request_state { REQUEST_AT_LINE, REQUEST_AT_FIELDS, REQUEST_WHOLE, REQUEST_WRONG };
enum request_method { METHOD_GET, METHOD_HEAD, METHOD_OTHER };

struct request {
	enum request_state state;
	enum status status; /* of REQUEST_WRONG: what to answer */
	enum request_method method;
	bool http_1_0;
	bool close;      /* the client wants the connection closed behind the answer */
	bool keep_alive; /* it says that it doesn't */
	bool encoded, expects, has_length;
	unsigned hosts;
	size_t head;     /* bytes taken */
	uint64_t body;   /* bytes that follow the head */
	char path[REQUEST_PATH_MAX]; /* without the query; empty if it was too long */
};

/* Before the first line. */
void request_begin(struct request *request);

/* Takes lines from the bytes until the head is whole, or wrong. Returns how many bytes it took. */
size_t request_parse(struct request *request, const char *bytes, size_t length);

#endif
