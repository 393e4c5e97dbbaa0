/* SPDX-License-Identifier: MIT */
/* answer.h - the answer to a request. The whole answer is made at once, and written as fast as the client takes it. */
#ifndef SERVER_ANSWER_H
#define SERVER_ANSWER_H

#include <sys/types.h>
#include "request.h"

struct answer {
	enum status status;
	size_t head_length, written; /* `written` counts head and body together */
	uint64_t body_length;
	const char *body;   /* the body repeats these bytes */
	size_t body_period; /* the number of bytes at `body` */
	char *owned;        /* memory that answer_release() frees, or NULL */
	char head[320];
};

/* Makes the answer to a complete request. */
void answer_prepare(struct answer *answer, const struct request *request, bool close);

/* Makes the answer to a wrong request: the text of the status. */
void answer_prepare_error(struct answer *answer, enum status status);

/* Writes as much as the socket takes, at most a megabyte. Returns the number of bytes, or -1 with an errno of sendmsg(2). */
ssize_t answer_write(struct answer *answer, int fd);

bool answer_is_written(const struct answer *answer);

void answer_release(struct answer *answer);

#endif
