/* SPDX-License-Identifier: MIT */
/*
 * options.h - reading option arguments, the same way in every subcommand.
 *
 * Each function returns true, or complains and returns false; the subcommand then ends with EXIT_USAGE.
 */
#ifndef RK_TOOL_OPTIONS_H
#define RK_TOOL_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* A decimal number from min to max; nothing before or behind it. */
bool option_number(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *number);

/* A decimal fraction from min to max. */
bool option_fraction(const char *option, const char *text, double min, double max, double *fraction);

/* Says where help is to be had, after getopt_long() has said what is wrong, and returns EXIT_USAGE. */
int option_misuse(const char *command);

#endif /* RK_TOOL_OPTIONS_H */
