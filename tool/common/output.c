/* SPDX-License-Identifier: MIT */
/* output.c - prints results in lines that fit the terminal, with bars and colours, and prints messages. */
#define _GNU_SOURCE
#include "output.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tool.h"

#define COLUMNS_MIN 20 /* a smaller number is no terminal's width, and counts as no limit */

int output_columns(FILE *to)
{
	const char *columns = getenv("COLUMNS");
	long number = columns != NULL ? strtol(columns, NULL, 10) : 0;
	struct winsize size;

	if (number <= 0 && ioctl(fileno(to), TIOCGWINSZ, &size) == 0)
		number = size.ws_col;
	return number >= COLUMNS_MIN && number < 10000 ? (int)number : 0;
}

/* Prints one line, which ends at a newline or at the end of the text. Returns the line's length. */
static size_t print_one(FILE *to, int at, int hang, int columns, const char *line)
{
	size_t length = strcspn(line, "\n"), own = strspn(line, " ");
	int indent = (int)own + hang, column = at;

	if (indent > columns / 2)
		indent = columns / 2;
	for (size_t i = 0; i < length;) {
		size_t blanks = strspn(line + i, " "), word = strcspn(line + i + blanks, " \n");

		if (columns != 0 && i + (size_t)at != 0 && column > indent && column + (int)(blanks + word) > columns) {
			fprintf(to, "\n%*s", indent, "");
			column = indent;
			i += blanks;
			blanks = 0;
		}
		fwrite(line + i, 1, blanks + word, to);
		column += (int)(blanks + word);
		i += blanks + word;
	}
	return length;
}

void print_wrapped(FILE *to, int at, int hang, const char *text)
{
	int columns = output_columns(to);

	while (*text != '\0') {
		text += print_one(to, at, hang, columns, text);
		at = 0;
		if (*text == '\n') {
			fputc('\n', to);
			text++;
		}
	}
}

/*
 * Does the line `next` belong to the same paragraph, or the same option's description, as `line`? A line "Usage: ..." stands
 * alone.
 */
static bool goes_on(const char *line, const char *next)
{
	if (line[0] == '\n' || next[0] == '\n' || next[0] == '\0' || strncmp(line, "Usage:", 6) == 0)
		return false;
	return line[0] == ' ' ? strspn(next, " ") > 8 : next[0] != ' ';
}

void print_help_text(FILE *to, const char *text)
{
	int columns = output_columns(to);
	char *joined = strdup(text), *end = joined;
	const char *line = text;
	size_t longest = 0;

	for (const char *at = text; *at != '\0'; at += strcspn(at, "\n"), at += *at == '\n')
		if (strcspn(at, "\n") > longest)
			longest = strcspn(at, "\n");
	if (joined == NULL || columns == 0 || longest <= (size_t)columns) {
		fputs(text, to);
		free(joined);
		return;
	}
	for (const char *at = text; *at != '\0'; at++) {
		if (*at != '\n') {
			*end++ = *at;
		} else if (goes_on(line, at + 1)) {
			*end++ = ' ';
			at += strspn(at + 1, " ");
		} else {
			*end++ = '\n';
			line = at + 1;
		}
	}
	*end = '\0';
	print_wrapped(to, 0, 4, joined);
	free(joined);
}

/*
 * Makes control characters '?'. Those from 0x80 to 0x9f count, too, for example 0x9b, which some terminals take for ESC [. In
 * UTF-8 they have 0xc2 before them, and other characters also have such bytes.
 */
static void make_plain(char *text)
{
	int left = 0; /* the bytes that still belong to the last character of UTF-8 */

	for (unsigned char *c = (unsigned char *)text; *c != '\0'; c++) {
		bool inside = left > 0 && *c >= 0x80 && *c < 0xc0;

		left = inside ? left - 1 : *c >= 0xf0 ? 3 : *c >= 0xe0 ? 2 : *c >= 0xc2 ? 1 : 0;
		if (inside && *c < 0xa0 && c[-1] == 0xc2)
			c[-1] = *c = '?';
		else if (iscntrl(*c) || (!inside && *c >= 0x80 && *c < 0xa0))
			*c = '?';
	}
}

/* `plain`: the text is one line. Control characters in it, which are those of a file's name for example, become '?'. */
static void print_formatted(FILE *to, int at, int hang, bool plain, const char *format, va_list arguments)
{
	char *text = NULL;

	if (vasprintf(&text, format, arguments) < 0)
		return;
	if (plain)
		make_plain(text);
	print_wrapped(to, at, hang, text);
	fputc('\n', to);
	free(text);
}

void print_line(FILE *to, int at, int hang, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_formatted(to, at, hang, false, format, arguments);
	va_end(arguments);
}

static const char *complaining = "rseqkit";

void complain_as(const char *command)
{
	complaining = command;
}

void complain(const char *format, ...)
{
	va_list arguments;

	print_progress(NULL);
	fprintf(stderr, "%s: ", complaining);
	va_start(arguments, format);
	print_formatted(stderr, (int)strlen(complaining) + 2, 2, true, format, arguments);
	va_end(arguments);
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

void copy_printable(char *to, size_t size, const char *from)
{
	size_t i = 0;

	for (; from != NULL && i + 1 < size && from[i] != '\n' && from[i] != '\0'; i++)
		to[i] = isascii((unsigned char)from[i]) && isprint((unsigned char)from[i]) ? from[i] : '?';
	to[i] = '\0';
}
