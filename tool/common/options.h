/* SPDX-License-Identifier: MIT */
/*
 * options.h - reads option arguments in the same way for every subcommand.
 *
 * A function that reads an argument returns true on success. Otherwise it prints a message and returns false, and the
 * subcommand ends with EXIT_USAGE.
 */
#ifndef RK_TOOL_OPTIONS_H
#define RK_TOOL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tool.h"

/* Reads a decimal number from min to max. The text must contain only the number. */
bool option_number(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *number);

/* Reads a decimal fraction from min to max. */
bool option_fraction(const char *option, const char *text, double min, double max, double *fraction);

/*
 * Returns the code of the next option, and stores its argument in optarg. Returns -1 after the last option; then argv[optind] is
 * the first operand. If an option is wrong, prints a message and returns '?'. If the command's operand is a program, all options
 * after it belong to this program.
 */
int option_next(const struct command *command, int argc, char **argv);

/* Prints the command's help, which lists all options. Returns EXIT_CLEAN. */
int option_help(const struct command *command);

/* Prints how to get help. Call this after a message about the wrong usage. Returns EXIT_USAGE. */
int option_misuse(const struct command *command);

#endif /* RK_TOOL_OPTIONS_H */
