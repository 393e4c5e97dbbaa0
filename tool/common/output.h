/* SPDX-License-Identifier: MIT */
/*
 * output.h - prints results for people: with bars, colour, and lines that fit.
 *
 * Colour is used only on a terminal, and never with NO_COLOR (https://no-color.org) or a dumb terminal.
 */
#ifndef RK_TOOL_OUTPUT_H
#define RK_TOOL_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum colour { COLOUR_NONE, COLOUR_BOLD, COLOUR_GREEN, COLOUR_YELLOW, COLOUR_RED };

/* Prints `text` on stdout in `colour`, if stdout can show colours. */
void print_coloured(enum colour colour, const char *text);

/* Prints a bar of value / greatest * width columns, at least one if value is above 0. Prints no newline. */
void print_bar(double value, double greatest, int width);

/*
 * Returns how many columns a line may have: the value of COLUMNS, or the width of the stream's terminal. Returns 0 if there
 * is no limit, as for a pipe or a file without COLUMNS.
 */
int output_columns(FILE *to);

/*
 * Prints text, and breaks each line that is too long at blanks. The following lines are indented like the broken line, plus
 * `hang` columns. The first line begins at column `at`, behind text that was printed before. A word that is longer than a
 * line isn't broken.
 */
void print_wrapped(FILE *to, int at, int hang, const char *text);

/*
 * Prints a command's help like print_wrapped(). If its lines are too long, the lines of each paragraph and of each option
 * are joined before they are broken again.
 */
void print_help_text(FILE *to, const char *text);

/* Prints a formatted line like print_wrapped(), and a newline. */
void print_line(FILE *to, int at, int hang, const char *format, ...) __attribute__((__format__(__printf__, 4, 5)));

/*
 * Shows progress on stderr, if stderr is a terminal, by rewriting one line. NULL clears the line. Clear it before other text
 * is printed.
 */
void print_progress(const char *text);

/* Copies the first line of any text. Characters that mustn't get to a terminal or into JSON become '?'. */
void copy_printable(char *to, size_t size, const char *from);

#endif /* RK_TOOL_OUTPUT_H */
