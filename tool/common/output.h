/* SPDX-License-Identifier: MIT */
/*
 * output.h - how results look to people: bars and colour.
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
 * Progress on stderr, if that is a terminal: rewrites one line; NULL clears it. Text that goes elsewhere in between
 * must follow a clear.
 */
void print_progress(const char *text);

/* The first line of a text that may be anything, without what mustn't get to a terminal, or into JSON. */
void copy_printable(char *to, size_t size, const char *from);

#endif /* RK_TOOL_OUTPUT_H */
