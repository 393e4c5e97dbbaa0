/* SPDX-License-Identifier: MIT */
/*
 * options.h - reads option arguments in the same way for every subcommand.
 *
 * Each function returns true on success. Otherwise it prints a message and returns false, and the subcommand ends with
 * EXIT_USAGE.
 */
#ifndef RK_TOOL_OPTIONS_H
#define RK_TOOL_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* Reads a decimal number from min to max. The text must contain only the number. */
bool option_number(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *number);

/* Reads a decimal fraction from min to max. */
bool option_fraction(const char *option, const char *text, double min, double max, double *fraction);

/* Prints how to get help, after getopt_long() has printed the error, and returns EXIT_USAGE. */
int option_misuse(const char *command);

#endif /* RK_TOOL_OPTIONS_H */
