/* SPDX-License-Identifier: MIT */
/* output.c - how results look, JSON for programs, bars and colour for people, and how complaints do. */
#include "output.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

void complain(const char *format, ...)
{
	va_list args;

	print_progress(NULL);
	va_start(args, format);
	fputs("rseqkit: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

static bool has_colour(void)
{
	const char *no_color = getenv("NO_COLOR");
	const char *terminal = getenv("TERM");

	return (no_color == NULL || no_color[0] == '\0') && (terminal == NULL || strcmp(terminal, "dumb") != 0) &&
	       isatty(STDOUT_FILENO);
}

void print_coloured(enum colour colour, const char *text)
{
	static const char *const codes[] = {
		[COLOUR_BOLD] = "1",
		[COLOUR_GREEN] = "32",
		[COLOUR_YELLOW] = "33",
		[COLOUR_RED] = "31",
	};

	if (colour != COLOUR_NONE && has_colour())
		printf("\033[%sm%s\033[0m", codes[colour], text);
	else
		fputs(text, stdout);
}

void print_bar(double value, double greatest, int width)
{
	int columns = greatest > 0 ? (int)(value / greatest * width + 0.5) : 0;

	if (columns == 0 && value > 0)
		columns = 1;
	while (columns-- > 0)
		putchar('#');
}

void print_progress(const char *text)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K%s", text != NULL ? text : "");
}

static void *must(void *allocated)
{
	if (allocated == NULL) {
		complain("out of memory");
		exit(EXIT_USAGE);
	}
	return allocated;
}

json_object *json_new(void)
{
	return (json_object *)must(json_object_new_object());
}

void json_put(json_object *object, const char *key, json_object *value)
{
	if (json_object_object_add(object, key, value) != 0)
		(void)must(NULL);
}

void json_put_string(json_object *object, const char *key, const char *text)
{
	json_put(object, key, text == NULL ? NULL : (json_object *)must(json_object_new_string(text)));
}

void json_put_number(json_object *object, const char *key, uint64_t number)
{
	json_put(object, key, (json_object *)must(json_object_new_uint64(number)));
}

/* Nine digits: more than any clock has, and none of the noise of a binary fraction. */
void json_put_seconds(json_object *object, const char *key, double seconds)
{
	char text[32];

	snprintf(text, sizeof(text), "%.9g", seconds);
	json_put(object, key, (json_object *)must(json_object_new_double_s(seconds, text)));
}

void json_print(json_object *object)
{
	const char *text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
									  JSON_C_TO_STRING_NOSLASHESCAPE);

	puts((const char *)must((void *)(uintptr_t)text));
	json_object_put(object);
}
