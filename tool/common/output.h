/* SPDX-License-Identifier: MIT */
/*
 * output.h - prints results for people, with bars, colours, and lines that fit the terminal.
 *
 * Colours are used only on a terminal that isn't dumb, and only if NO_COLOR (https://no-color.org) isn't set.
 */
#ifndef RK_TOOL_OUTPUT_H
#define RK_TOOL_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum colour { COLOUR_NONE, COLOUR_BOLD, COLOUR_GREEN, COLOUR_YELLOW, COLOUR_RED };

/* Prints `text` on stdout in `colour`, if stdout can show colours. */
void print_coloured(enum colour colour, const char *text);

/* Prints a bar of value / greatest * width columns, at least one column if value is above 0. Prints no newline. */
void print_bar(double value, double greatest, int width);

/*
 * Returns the maximum number of columns of a line: the value of COLUMNS, or the width of the stream's terminal. Returns 0 if
 * there is no limit: COLUMNS isn't set, and the stream is for example a pipe or a file.
 */
int output_columns(FILE *to);

/*
 * Prints text. Breaks a line that is too long at blanks. Its further parts are indented like the line itself, plus `hang`
 * columns. The first line begins at column `at`, after text that the caller has printed. A word that is longer than a line isn't
 * broken.
 */
void print_wrapped(FILE *to, int at, int hang, const char *text);

/*
 * Prints a command's help like print_wrapped(). If a line of the help is too long, first joins the lines of each paragraph
 * and of each option's description, and then breaks them again.
 */
void print_help_text(FILE *to, const char *text);

/*
 * Formats one line and prints it like print_wrapped(). Adds a newline. Control characters and bytes that aren't UTF-8 become '?',
 * because a file's name can have them, and a terminal mustn't get them. print_unbroken() doesn't break the line.
 */
void print_line(FILE *to, int at, int hang, const char *format, ...) __attribute__((__format__(__printf__, 4, 5)));
void print_unbroken(FILE *to, const char *format, ...) __attribute__((__format__(__printf__, 2, 3)));

/*
 * Shows progress on stderr, if stderr is a terminal, by rewriting one line. NULL clears the line. Clear the line before you
 * print other text.
 */
void print_progress(const char *text);

/* Returns the number of bytes of the UTF-8 character at `text`, or 0 if there is no such character. */
size_t character_size(const char *text);

/*
 * Copies the first line of a text. Characters that aren't printable ASCII become '?', because a terminal or JSON mustn't get
 * them.
 */
void copy_printable(char *to, size_t size, const char *from);

#endif /* RK_TOOL_OUTPUT_H */
