/* SPDX-License-Identifier: MIT */
/*
 * request.c - the parser. It refuses ambiguous requests: two lengths, a length together with a transfer coding, space before a
 * colon, folded lines, control characters.
 */
#include "request.h"
#include <string.h>
#include <strings.h>

struct text {
	const char *bytes;
	size_t length;
};

static bool is(struct text text, const char *word)
{
	return text.length == strlen(word) && strncasecmp(text.bytes, word, text.length) == 0;
}

static bool is_token(struct text text)
{
	for (size_t i = 0; i < text.length; i++) {
		unsigned char c = (unsigned char)text.bytes[i];

		if (c <= ' ' || c >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c) != NULL)
			return false;
	}
	return text.length > 0;
}

/*
 * Returns the part of *rest before the first character that is equal to `at`, or the whole text if *rest has no such character.
 * Removes the returned part, and the character after it, from *rest.
 */
static struct text cut(struct text *rest, char at)
{
	const char *found = (const char *)memchr(rest->bytes, at, rest->length);
	struct text before = {rest->bytes, found == NULL ? rest->length : (size_t)(found - rest->bytes)};
	size_t taken = before.length + (found != NULL);

	rest->bytes += taken;
	rest->length -= taken;
	return before;
}

static struct text trimmed(struct text text)
{
	while (text.length > 0 && (text.bytes[0] == ' ' || text.bytes[0] == '\t')) {
		text.bytes++;
		text.length--;
	}
	while (text.length > 0 && (text.bytes[text.length - 1] == ' ' || text.bytes[text.length - 1] == '\t'))
		text.length--;
	return text;
}

static void refuse(struct request *request, enum status status)
{
	request->state = REQUEST_WRONG;
	request->status = status;
}

/* Takes the path of a target, which is "/path?query" or "http://host/path?query". */
static void take_path(struct request *request, struct text target)
{
	struct text path;

	if (target.length >= 7 && strncasecmp(target.bytes, "http://", 7) == 0) {
		struct text rest = {target.bytes + 7, target.length - 7};
		struct text host = cut(&rest, '/');

		target.bytes = host.bytes + host.length;
		target.length -= 7 + host.length;
	}
	path = cut(&target, '?');
	if (path.length >= REQUEST_PATH_MAX)
		return;
	memcpy(request->path, path.bytes, path.length);
	request->path[path.length] = '\0';
}

static void parse_line(struct request *request, struct text line)
{
	struct text method = cut(&line, ' '), target = cut(&line, ' ');

	if (!is_token(method) || target.length == 0 || line.length != 8 || memcmp(line.bytes, "HTTP/", 5) != 0 ||
	    line.bytes[5] < '0' || line.bytes[5] > '9' || line.bytes[6] != '.' || line.bytes[7] < '0' || line.bytes[7] > '9') {
		refuse(request, STATUS_400);
		return;
	}
	for (size_t i = 0; i < target.length; i++) {
		if (target.bytes[i] <= ' ' || target.bytes[i] >= 0x7f) {
			refuse(request, STATUS_400);
			return;
		}
	}
	if (line.bytes[5] != '1') {
		refuse(request, STATUS_505);
		return;
	}
	request->http_1_0 = line.bytes[7] == '0';
	/* Methods are case-sensitive. */
	if (method.length == 3 && memcmp(method.bytes, "GET", 3) == 0)
		request->method = METHOD_GET;
	else if (method.length == 4 && memcmp(method.bytes, "HEAD", 4) == 0)
		request->method = METHOD_HEAD;
	else
		request->method = METHOD_OTHER;
	take_path(request, target);
	request->state = REQUEST_AT_FIELDS;
}

static void take_length(struct request *request, struct text value)
{
	uint64_t length = 0;

	if (request->has_length || value.length == 0) {
		refuse(request, STATUS_400);
		return;
	}
	for (size_t i = 0; i < value.length; i++) {
		if (value.bytes[i] < '0' || value.bytes[i] > '9') {
			refuse(request, STATUS_400);
			return;
		}
		if (length <= REQUEST_BODY_MAX) /* a larger length is refused anyway, so the number can't overflow */
			length = length * 10 + (uint64_t)(value.bytes[i] - '0');
	}
	request->has_length = true;
	request->body = length;
}

static void take_connection(struct request *request, struct text value)
{
	while (value.length > 0) {
		struct text option = trimmed(cut(&value, ','));

		request->close |= is(option, "close");
		request->keep_alive |= is(option, "keep-alive");
	}
}

static void parse_field(struct request *request, struct text line)
{
	struct text value = line, name = cut(&value, ':');

	/*
	 * If the name reaches the end of the line, there is no colon. A folded line begins with a space, which no token
	 * contains.
	 */
	if (name.length == line.length || !is_token(name)) {
		refuse(request, STATUS_400);
		return;
	}
	for (size_t i = 0; i < value.length; i++) {
		unsigned char c = (unsigned char)value.bytes[i];

		if ((c < ' ' && c != '\t') || c == 0x7f) {
			refuse(request, STATUS_400);
			return;
		}
	}
	value = trimmed(value);
	if (is(name, "Host"))
		request->hosts++;
	else if (is(name, "Content-Length"))
		take_length(request, value);
	else if (is(name, "Transfer-Encoding"))
		request->encoded = true;
	else if (is(name, "Connection"))
		take_connection(request, value);
	else if (is(name, "Expect"))
		request->expects = true;
}

/* Called after the last field. Checks the request as a whole. */
static void conclude(struct request *request)
{
	if (request->hosts > 1 || (request->hosts == 0 && !request->http_1_0))
		refuse(request, STATUS_400);
	else if (request->encoded)
		refuse(request, request->has_length || request->http_1_0 ? STATUS_400 : STATUS_501);
	else if (request->body > REQUEST_BODY_MAX)
		refuse(request, STATUS_413);
	else if (request->expects && request->body > 0 && !request->http_1_0)
		refuse(request, STATUS_417); /* the client repeats the request without Expect */
	else
		request->state = REQUEST_WHOLE;
}

void request_begin(struct request *request)
{
	*request = (struct request){0};
}

size_t request_parse(struct request *request, const char *bytes, size_t length)
{
	size_t taken = 0;

	while (request->state == REQUEST_AT_LINE || request->state == REQUEST_AT_FIELDS) {
		struct text line = {bytes + taken, length - taken};
		size_t most = line.length < REQUEST_LINE_MAX ? line.length : REQUEST_LINE_MAX;
		const char *end = most > 0 ? (const char *)memchr(line.bytes, '\n', most) : NULL;

		if (end == NULL) {
			if (most == REQUEST_LINE_MAX)
				refuse(request, request->state == REQUEST_AT_LINE ? STATUS_414 : STATUS_431);
			break;
		}
		line.length = (size_t)(end - line.bytes);
		taken += line.length + 1;
		request->head += line.length + 1;
		if (line.length > 0 && line.bytes[line.length - 1] == '\r')
			line.length--;
		if (request->head > REQUEST_HEAD_MAX)
			refuse(request, STATUS_431);
		else if (line.length > 0 && request->state == REQUEST_AT_LINE)
			parse_line(request, line);
		else if (line.length > 0)
			parse_field(request, line);
		else if (request->state == REQUEST_AT_FIELDS)
			conclude(request);
		/* Otherwise the line is empty, before the request. Some clients send such a line after the previous request. */
	}
	return taken;
}
