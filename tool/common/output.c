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

size_t character_size(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t size = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : at[0] < 0xf5 ? 4 : 0;

	for (size_t i = 1; i < size; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	/* Too long encodings, surrogates, and numbers above 0x10ffff. */
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf0 && at[1] < 0x90) ||
	    (at[0] == 0xf4 && at[1] > 0x8f))
		return 0;
	return size;
}

/*
 * Formats one line. Control characters and bytes that aren't UTF-8, for example of a file's name, become '?'. The UTF-8 forms of
 * 0x80 to 0x9f count as control characters, because some terminals take 0x9b for ESC [. Returns NULL if memory is short.
 */
static char *format_line(const char *format, va_list arguments)
{
	size_t size;
	char *text;

	if (vasprintf(&text, format, arguments) < 0)
		return NULL;
	for (char *c = text; *c != '\0'; c += size > 0 ? size : 1) {
		size = character_size(c);
		if (size == 2 && (unsigned char)c[0] == 0xc2 && (unsigned char)c[1] < 0xa0)
			c[0] = c[1] = '?';
		else if (size == 0 || (size == 1 && iscntrl((unsigned char)*c)))
			*c = '?';
	}
	return text;
}

static void print_formatted(FILE *to, int at, int hang, const char *format, va_list arguments)
{
	char *text = format_line(format, arguments);

	if (text == NULL)
		return;
	print_wrapped(to, at, hang, text);
	fputc('\n', to);
	free(text);
}

void print_unbroken(FILE *to, const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	text = format_line(format, arguments);
	va_end(arguments);
	if (text != NULL)
		fprintf(to, "%s\n", text);
	free(text);
}

void print_line(FILE *to, int at, int hang, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_formatted(to, at, hang, format, arguments);
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
	print_formatted(stderr, (int)strlen(complaining) + 2, 2, format, arguments);
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
