/* SPDX-License-Identifier: MIT */
/* output.c - how results look to people, with bars and colour, and how complaints do. */
#include "output.h"

#include <ctype.h>
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

void copy_printable(char *to, size_t size, const char *from)
{
	size_t i = 0;

	for (; from != NULL && i + 1 < size && from[i] != '\n' && from[i] != '\0'; i++)
		to[i] = isascii((unsigned char)from[i]) && isprint((unsigned char)from[i]) ? from[i] : '?';
	to[i] = '\0';
}
