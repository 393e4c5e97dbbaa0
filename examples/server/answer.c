/* SPDX-License-Identifier: MIT */
/*
 * answer.c - the answers: a few bytes for "/", N zero bytes for "/bytes/N", the statistics for "/metrics".
 *
 * A body is a block that is repeated, so a large body takes no memory.
 */
#include "answer.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include "metrics.h"

#define BYTES_MAX (UINT64_C(16) << 20) /* the largest N of /bytes/N */
#define BLOCK 65536
#define PIECES 16 /* one system call writes at most this many pieces of a body */

static const char zeros[BLOCK];

static const struct {
	int code;
	const char *text;
} statuses[] = {
#define STATUS_ENTRY(code, text) {code, text},
	STATUS_LIST(STATUS_ENTRY)
#undef STATUS_ENTRY
};

/* Returns the text of the Date field. Each thread makes this text anew once a second. */
static const char *date(void)
{
	static __thread time_t made;
	static __thread char text[40];
	time_t now = time(NULL);
	struct tm parts;

	if (now != made && gmtime_r(&now, &parts) != NULL) {
		strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &parts);
		made = now;
	}
	return text;
}

static void set_body(struct answer *answer, const char *body, uint64_t length, size_t period)
{
	answer->body = body;
	answer->body_length = length;
	answer->body_period = period;
}

static void set_head(struct answer *answer, const char *type, const char *connection)
{
	int length = snprintf(answer->head, sizeof(answer->head),
			      "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Type: %s\r\nContent-Length: %" PRIu64 "\r\n%s%s\r\n",
			      statuses[answer->status].code, statuses[answer->status].text, date(), type,
			      answer->body_length, answer->status == STATUS_405 ? "Allow: GET, HEAD\r\n" : "", connection);

	answer->head_length = (size_t)length;
}

static void set_words(struct answer *answer, enum status status)
{
	answer->status = status;
	set_body(answer, statuses[status].text, strlen(statuses[status].text), BLOCK);
}

/* Stores the N of "/bytes/N". Returns false if N isn't a valid number. */
static bool take_number(const char *path, uint64_t *number)
{
	size_t digits = strspn(path, "0123456789");

	if (digits == 0 || digits > 18 || path[digits] != '\0')
		return false;
	*number = strtoull(path, NULL, 10);
	return *number <= BYTES_MAX;
}

void answer_prepare(struct answer *answer, const struct request *request, bool close)
{
	static const char hello[] = "Hello.\n";
	const char *type = "text/plain", *connection = request->http_1_0 ? "Connection: keep-alive\r\n" : "";
	uint64_t number;
	size_t length;

	*answer = (struct answer){.status = STATUS_200};
	if (request->method == METHOD_OTHER) {
		set_words(answer, STATUS_405);
	} else if (strcmp(request->path, "/") == 0) {
		set_body(answer, hello, sizeof(hello) - 1, BLOCK);
	} else if (strncmp(request->path, "/bytes/", 7) == 0 && take_number(request->path + 7, &number)) {
		set_body(answer, zeros, number, BLOCK);
		type = "application/octet-stream";
	} else if (strcmp(request->path, "/metrics") == 0) {
		answer->owned = metrics_text(&length);
		if (answer->owned == NULL) {
			set_words(answer, STATUS_503);
		} else {
			set_body(answer, answer->owned, length, length);
			type = "text/plain; version=0.0.4";
		}
	} else {
		set_words(answer, STATUS_404);
	}
	set_head(answer, type, close ? "Connection: close\r\n" : connection);
	if (request->method == METHOD_HEAD)
		answer->body_length = 0;
}

void answer_prepare_error(struct answer *answer, enum status status)
{
	*answer = (struct answer){0};
	set_words(answer, status);
	set_head(answer, "text/plain", "Connection: close\r\n");
}

ssize_t answer_write(struct answer *answer, int fd)
{
	struct iovec pieces[1 + PIECES];
	struct msghdr message = {.msg_iov = pieces};
	uint64_t at = 0, left = answer->body_length;
	ssize_t n;

	if (answer->written < answer->head_length)
		pieces[message.msg_iovlen++] =
			(struct iovec){answer->head + answer->written, answer->head_length - answer->written};
	else
		at = answer->written - answer->head_length;
	left -= at;
	for (int i = 0; i < PIECES && left > 0; i++) {
		size_t begin = (size_t)(at % answer->body_period), room = answer->body_period - begin;
		size_t length = left < room ? (size_t)left : room;

		pieces[message.msg_iovlen++] = (struct iovec){(char *)(uintptr_t)(answer->body + begin), length};
		at += length;
		left -= length;
	}
	n = sendmsg(fd, &message, MSG_NOSIGNAL);
	if (n > 0)
		answer->written += (size_t)n;
	return n;
}

bool answer_is_written(const struct answer *answer)
{
	return answer->written == answer->head_length + answer->body_length;
}

void answer_release(struct answer *answer)
{
	free(answer->owned);
	answer->owned = NULL;
}
