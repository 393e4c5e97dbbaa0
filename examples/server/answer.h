/* SPDX-License-Identifier: MIT */
/* answer.h - the answer to a request: made at once, written as the client takes it. */
#ifndef SERVER_ANSWER_H
#define SERVER_ANSWER_H

#include <sys/types.h>
#include "request.h"

struct answer {
	enum status status;
	size_t head_length, written; /* `written` of head and body together */
	uint64_t body_length;
	const char *body;   /* its bytes, which are repeated */
	size_t body_period; /* after so many */
	char *owned;        /* what is freed with the answer */
	char head[320];
};

/* The answer to a request that is whole. */
void answer_prepare(struct answer *answer, const struct request *request, bool close);

/* The answer to one that isn't: the status in words. */
void answer_prepare_error(struct answer *answer, enum status status);

/* Writes what the socket takes, up to a megabyte. Returns how many bytes; -1 and errno as sendmsg(2). */
ssize_t answer_write(struct answer *answer, int fd);

bool answer_is_written(const struct answer *answer);

void answer_release(struct answer *answer);

#endif
