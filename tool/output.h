/* SPDX-License-Identifier: MIT */
/*
 * output.h - how results look: JSON for programs, bars and colour for people.
 *
 * Colour only on a terminal, never with NO_COLOR (https://no-color.org) or a dumb terminal. Programs get JSON with
 * numbers as numbers, and null for what isn't known.
 */
#ifndef RK_TOOL_OUTPUT_H
#define RK_TOOL_OUTPUT_H

#include <json-c/json.h>
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

/* Adds to an object; out of memory ends the program with EXIT_USAGE, as there is nothing left to say. */
void json_put(json_object *object, const char *key, json_object *value);
void json_put_string(json_object *object, const char *key, const char *text); /* NULL becomes null */
void json_put_number(json_object *object, const char *key, uint64_t number);
void json_put_seconds(json_object *object, const char *key, double seconds);
json_object *json_new(void);

/* Prints an object, and releases it. */
void json_print(json_object *object);

#endif /* RK_TOOL_OUTPUT_H */
