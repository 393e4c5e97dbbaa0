/* SPDX-License-Identifier: MIT */
/*
 * test_request.c - tests the example server's parser of HTTP requests with right and wrong requests, and with random requests.
 * Each request is also passed to the parser in two parts, cut at every byte. A cut must not change the result.
 */
#include "test.h"
#include <inttypes.h>
#include "../../examples/server/request.h"

#define HOST "Host: a\r\n"
#define FIELD_64 "Field: 0123456789012345678901234567890123456789012345678901234\r\n"

static const struct {
	const char *text;
	enum request_state state;
	enum status status;
	const char *path;
	uint64_t body;
	const char *left; /* the part that the parser doesn't take */
} cases[] = {
	{"GET / HTTP/1.1\r\n" HOST "\r\n", REQUEST_WHOLE, 0, "/", 0, ""},
	{"GET / HTTP/1.1\n" "host:a\n\n", REQUEST_WHOLE, 0, "/", 0, ""},
	{"GET / HTTP/1.0\r\n\r\n", REQUEST_WHOLE, 0, "/", 0, ""},
	{"\r\n\r\nHEAD /a?b?c HTTP/1.9\r\n" HOST "\r\nGET", REQUEST_WHOLE, 0, "/a", 0, "GET"},
	{"GET http://a:80/b/c?d HTTP/1.1\r\n" HOST "\r\n", REQUEST_WHOLE, 0, "/b/c", 0, ""},
	{"GET HTTP://a HTTP/1.1\r\n" HOST "\r\n", REQUEST_WHOLE, 0, "", 0, ""},
	{"GET /" FIELD_64, REQUEST_WRONG, STATUS_400, "", 0, ""},
	{"PUT /x HTTP/1.1\r\n" HOST "Content-Length: \t12 \r\n\r\nabc", REQUEST_WHOLE, 0, "/x", 12, "abc"},
	{"GET / HTTP/1.1\r\n" HOST "Content-Length: 1048576\r\n\r\n", REQUEST_WHOLE, 0, "/", 1048576, ""},
	{"GET / HTTP/1.1\r\n" HOST "Content-Length: 1048577\r\n\r\n", REQUEST_WRONG, STATUS_413, "/", 1048577, ""},
	{"GET / HTTP/1.1\r\n" HOST "Content-Length: \r\n\r\n", REQUEST_WRONG, STATUS_400, "/", 0, "\r\n"},
	{"GET / HTTP/1.1\r\n" HOST "Content-Length: 1 2\r\n\r\n", REQUEST_WRONG, STATUS_400, "/", 0, "\r\n"},
	{"GET / HTTP/1.1\r\n" HOST "Content-Length: 1,1\r\n", REQUEST_WRONG, STATUS_400, "/", 0, ""},
	{"GET / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n", REQUEST_WRONG, STATUS_400, "/", 0, ""},
	{"GET / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n", REQUEST_WRONG, STATUS_400, "/", 1, ""},
	{"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", REQUEST_WRONG, STATUS_400, "/", 0, ""},
	{"GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", REQUEST_WRONG, STATUS_501, "/", 0, ""},
	{"GET / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n\r\n", REQUEST_WHOLE, 0, "/", 0, ""},
	{"GET / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", REQUEST_WHOLE, 0, "/", 1, ""},
	{"GET / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n", REQUEST_WRONG, STATUS_417, "/", 1, ""},
	{"GET / HTTP/1.1\r\n\r\n", REQUEST_WRONG, STATUS_400, "/", 0, ""},
	{"GET / HTTP/1.1\r\n" HOST HOST "\r\n", REQUEST_WRONG, STATUS_400, "/", 0, ""},
	{"GET / HTTP/1.1\r\n: a\r\n", REQUEST_WRONG, STATUS_400, "/", 0, ""},
	{"GET / HTTP/1.1\r\nA B: a\r\n", REQUEST_WRONG, STATUS_400, "/", 0, ""},
	{"GET / HTTP/1.1\r\nA\r\n", REQUEST_WRONG, STATUS_400, "/", 0, ""},
	{"GET / HTTP/1.1\r\nA: \x01\r\n", REQUEST_WRONG, STATUS_400, "/", 0, ""},
	{"GET / HTTP/1.1\r\nA:\r\nB: \xff\t\r\n" HOST "\r\n", REQUEST_WHOLE, 0, "/", 0, ""},
	{"GET / HTTP/1.1 \r\n", REQUEST_WRONG, STATUS_400, "", 0, ""},
	{"GET /  HTTP/1.1\r\n", REQUEST_WRONG, STATUS_400, "", 0, ""},
	{"GET / HTTP/1.1\r\r\n", REQUEST_WRONG, STATUS_400, "", 0, ""},
	{"GET / http/1.1\r\n", REQUEST_WRONG, STATUS_400, "", 0, ""},
	{"GET / HTTP/11\r\n", REQUEST_WRONG, STATUS_400, "", 0, ""},
	{"GET / HTTP/0.9\r\n", REQUEST_WRONG, STATUS_505, "", 0, ""},
	{" GET / HTTP/1.1\r\n", REQUEST_WRONG, STATUS_400, "", 0, ""},
	{"GET\t/ HTTP/1.1\r\n", REQUEST_WRONG, STATUS_400, "", 0, ""},
	{"GET /\xc3\xa9 HTTP/1.1\r\n", REQUEST_WRONG, STATUS_400, "", 0, ""},
	{"GET / HTTP/1.1\r\n" HOST, REQUEST_AT_FIELDS, 0, "/", 0, ""},
	{"GET / HTTP/1.1", REQUEST_AT_LINE, 0, "", 0, "GET / HTTP/1.1"},
};

/*
 * Parses a text in two parts: its first `first` bytes, and then the rest together with the bytes that the parser hasn't taken.
 * Each part is in memory of exactly its size, so that a sanitizer detects reads after the end.
 */
static size_t parse_in_two(struct request *request, const char *text, size_t length, size_t first)
{
	char *bytes = (char *)malloc(first + !first);
	size_t taken;

	memcpy(bytes, text, first);
	request_begin(request);
	taken = request_parse(request, bytes, first);
	free(bytes);
	assert_true(taken <= first);
	bytes = (char *)malloc(length - taken + 1);
	memcpy(bytes, text + taken, length - taken);
	taken += request_parse(request, bytes, length - taken);
	free(bytes);
	assert_true(taken <= length);
	return taken;
}

static void it_finds_what_is_there(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t length = strlen(cases[i].text);

		for (size_t first = 0; first <= length; first++) {
			struct request request;
			size_t taken = parse_in_two(&request, cases[i].text, length, first);

			if (request.state != cases[i].state || request.status != cases[i].status ||
			    strcmp(request.path, cases[i].path) != 0 || request.body != cases[i].body ||
			    strcmp(cases[i].text + taken, cases[i].left) != 0)
				fail_msg("case %zu, cut at %zu: state %d, status %d, path '%s', body %" PRIu64 ", left '%s'", i,
					 first, (int)request.state, (int)request.status, request.path, request.body,
					 cases[i].text + taken);
		}
	}
}

static void it_knows_who_closes(void **state)
{
	static const struct {
		const char *fields;
		bool close, keep_alive;
	} connections[] = {
		{"", false, false},
		{"Connection: close\r\n", true, false},
		{"connection: Keep-Alive\r\n", false, true},
		{"Connection: a, ,\tCLOSE \r\nConnection: keep-alive\r\n", true, true},
		{"Connection: closed\r\nX-Connection: close\r\n", false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(connections) / sizeof(connections[0]); i++) {
		struct request request;
		char text[256];

		snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n" HOST "%s\r\n", connections[i].fields);
		request_begin(&request);
		assert_int_equal(request_parse(&request, text, strlen(text)), strlen(text));
		assert_int_equal(request.state, REQUEST_WHOLE);
		assert_true(request.close == connections[i].close && request.keep_alive == connections[i].keep_alive);
	}
}

/* Tests lines and heads of exactly the allowed size, and of one byte more. */
static void it_has_limits(void **state)
{
	static char text[2 * REQUEST_HEAD_MAX];

	(void)state;
	for (int more = 0; more <= 1; more++) {
		int path = REQUEST_LINE_MAX - (int)strlen("GET / HTTP/1.1\r\n") + more;
		int field = REQUEST_LINE_MAX - (int)strlen("A:\r\n") + more, length;
		struct request request;

		length = snprintf(text, sizeof(text), "GET /%0*d HTTP/1.1\r\n" HOST "\r\n", path, 0);
		for (int first = 0; first <= length; first += 61) {
			parse_in_two(&request, text, (size_t)length, (size_t)first);
			assert_int_equal(request.state, more ? REQUEST_WRONG : REQUEST_WHOLE);
			assert_int_equal(request.status, more ? STATUS_414 : 0);
		}
		length = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n" HOST "A:%0*d\r\n\r\n", field, 0);
		for (int first = 0; first <= length; first += 61) {
			parse_in_two(&request, text, (size_t)length, (size_t)first);
			assert_int_equal(request.state, more ? REQUEST_WRONG : REQUEST_WHOLE);
			assert_int_equal(request.status, more ? STATUS_431 : 0);
		}
		length = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n" HOST);
		while (length + (int)strlen(FIELD_64 FIELD_64) < REQUEST_HEAD_MAX)
			length += snprintf(text + length, sizeof(text) - (size_t)length, FIELD_64);
		length += snprintf(text + length, sizeof(text) - (size_t)length, "A:%0*d\r\n\r\n",
				   REQUEST_HEAD_MAX - length - (int)strlen("A:\r\n\r\n") + more, 0);
		assert_int_equal(length, REQUEST_HEAD_MAX + more);
		for (int first = 0; first <= length; first += 61) {
			parse_in_two(&request, text, (size_t)length, (size_t)first);
			assert_int_equal(request.state, more ? REQUEST_WRONG : REQUEST_WHOLE);
			assert_int_equal(request.status, more ? STATUS_431 : 0);
		}
	}
}

/* Makes a text from pieces of requests, whole and broken. */
static size_t make_random(char *text, size_t room, unsigned *seed)
{
	static const char *const pieces[] = {"GET ", "/", " HTTP/1.1", "\r\n", "\n", HOST, "Content-Length: ", "7", ":", " ",
					     "Transfer-Encoding: chunked\r\n", "http://", "?", "Connection: close\r\n", "\r", "\t"};
	size_t length = 0;

	for (int i = rand_r(seed) % 24; i >= 0; i--) {
		const char *piece = pieces[(size_t)rand_r(seed) % (sizeof(pieces) / sizeof(pieces[0]))];

		length += (size_t)snprintf(text + length, room - length, "%s", piece);
		if (rand_r(seed) % 8 == 0)
			text[length++] = (char)rand_r(seed);
	}
	return length;
}

static void it_bears_anything(void **state)
{
	unsigned seed = 1, whole = 0, wrong = 0;

	(void)state;
	for (int64_t i = ROUNDS(300000); i > 0; i--) {
		char text[1024] = "GET / HTTP/1.1\r\n" HOST;
		size_t known = i % 2 == 0 ? strlen(text) : 0; /* half of the texts begin correctly */
		size_t length = known + make_random(text + known, sizeof(text) - known, &seed);
		size_t first = (size_t)rand_r(&seed) % (length + 1);
		struct request at_once, in_two;
		size_t taken = parse_in_two(&at_once, text, length, 0);

		assert_int_equal(parse_in_two(&in_two, text, length, first), taken);
		assert_true(at_once.state == in_two.state && at_once.status == in_two.status && at_once.body == in_two.body &&
			    strcmp(at_once.path, in_two.path) == 0 && at_once.head == in_two.head);
		assert_true(strlen(at_once.path) < REQUEST_PATH_MAX);
		whole += at_once.state == REQUEST_WHOLE;
		wrong += at_once.state == REQUEST_WRONG;
	}
	assert_true(whole > 0 && wrong > 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(it_finds_what_is_there),
	cmocka_unit_test(it_knows_who_closes),
	cmocka_unit_test(it_has_limits),
	cmocka_unit_test(it_bears_anything),
};

RUN(tests)
