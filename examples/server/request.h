/* SPDX-License-Identifier: MIT */
/*
 * request.h - the head of an HTTP/1.x request, parsed as it arrives. The parser does no I/O, and allocates nothing.
 *
 * The parser takes whole lines, so the result doesn't depend on how the input was split. The caller keeps the input that the
 * parser didn't take.
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
#define REQUEST_PATH_MAX 64 /* with the final zero byte; all served paths are shorter */

enum request_state { REQUEST_AT_LINE, REQUEST_AT_FIELDS, REQUEST_WHOLE, REQUEST_WRONG };
enum request_method { METHOD_GET, METHOD_HEAD, METHOD_OTHER };

struct request {
	enum request_state state;
	enum status status; /* in the state REQUEST_WRONG: the status of the answer */
	enum request_method method;
	bool http_1_0;
	bool close;      /* the client wants the connection to close after the answer */
	bool keep_alive; /* the client wants the connection to stay open */
	bool encoded, expects, has_length;
	unsigned hosts;
	size_t head;     /* the number of bytes that were taken */
	uint64_t body;   /* the number of bytes that follow the head */
	char path[REQUEST_PATH_MAX]; /* without the query; empty if it was too long */
};

/* Call before the first line. */
void request_begin(struct request *request);

/* Takes lines until the head is complete, or wrong. Returns how many bytes it took. */
size_t request_parse(struct request *request, const char *bytes, size_t length);

#endif
