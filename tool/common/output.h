/* SPDX-License-Identifier: MIT */
/*
 * output.h - how results look to people: bars, colour, and lines that fit.
 *
 * Colour only on a terminal, never with NO_COLOR (https://no-color.org) or a dumb terminal.
 */
#ifndef RK_TOOL_OUTPUT_H
#define RK_TOOL_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum colour { COLOUR_NONE, COLOUR_BOLD, COLOUR_GREEN, COLOUR_YELLOW, COLOUR_RED };

/* Prints `text` on stdout in `colour`, if that is to be had there. */
void print_coloured(enum colour colour, const char *text);

/* A bar of value / greatest of `width` columns, at least one where value is above 0; no newline. */
void print_bar(double value, double greatest, int width);

/*
 * How many columns a line may have: by COLUMNS, or by the terminal that the stream is; 0 where there is no limit. A
 * pipe or a file has none but by COLUMNS.
 */
int output_columns(FILE *to);

/*
 * Prints text, with as many lines as it has newlines, and breaks lines at blanks where they are too long. What is broken
 * off begins below the line's own beginning, and `hang` columns to the right of it. The first line begins at column `at`,
 * behind something that is printed already. A word that is longer than a line stays whole.
 */
void print_wrapped(FILE *to, int at, int hang, const char *text);

/*
 * The same for a command's help. Where its lines don't fit, those of a paragraph, or of an option, are one before they are
 * broken anew.
 */
void print_help_text(FILE *to, const char *text);

/* The same for one line of a format, and the newline behind it. */
void print_line(FILE *to, int at, int hang, const char *format, ...) __attribute__((__format__(__printf__, 4, 5)));

/*
 * Progress on stderr, if that is a terminal: rewrites one line; NULL clears it. Text that goes elsewhere in between
 * must follow a clear.
 */
void print_progress(const char *text);

/* The first line of a text that may be anything, without what mustn't get to a terminal, or into JSON. */
void copy_printable(char *to, size_t size, const char *from);

#endif /* RK_TOOL_OUTPUT_H */
