/* SPDX-License-Identifier: MIT */
/*
 * options.c - reads options and their arguments, and prints a command's help. Reading and help both use the command's description
 * in tool/commands.c.
 *
 * A numeric argument must be a number and nothing else. A number out of range is an error.
 */
#define _GNU_SOURCE
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"

#define OPTIONS_MAX 32
#define NAMES_MAX 64   /* bytes for the names of an option in --help */
#define HELP_COLUMNS 94 /* a line of --help has at most this many columns */

bool option_number(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *number)
{
	char *end = NULL;
	unsigned long long value = 0;

	errno = 0;
	/* strtoull() would accept blanks and a sign. */
	if (isdigit((unsigned char)text[0]))
		value = strtoull(text, &end, 10);
	if (end == NULL || *end != '\0') {
		complain("%s: '%s' is not a number", option, text);
		return false;
	}
	if (errno == ERANGE || value < min || value > max) {
		complain("%s: %s is not between %" PRIu64 " and %" PRIu64, option, text, min, max);
		return false;
	}
	*number = value;
	return true;
}

bool option_fraction(const char *option, const char *text, double min, double max, double *fraction)
{
	char *end = NULL;
	double value = 0;

	/* strtod() would accept blanks, a sign, "inf", "nan" and hexadecimal. */
	if ((isdigit((unsigned char)text[0]) || text[0] == '.') && text[1] != 'x' && text[1] != 'X')
		value = strtod(text, &end);
	if (end == NULL || end == text || *end != '\0') {
		complain("%s: '%s' is not a number", option, text);
		return false;
	}
	if (!(value >= min && value <= max)) {
		complain("%s: %s is not between %g and %g", option, text, min, max);
		return false;
	}
	*fraction = value;
	return true;
}

static int argument_of(const struct option_row *option)
{
	return option->argument == NULL ? no_argument : option_is_optional(option) ? optional_argument : required_argument;
}

int option_next(const struct command *command, int argc, char **argv)
{
	struct option names[OPTIONS_MAX + 1];
	char letters[1 + 3 * OPTIONS_MAX + 1];
	size_t count = 0, length = 0;

	if (command->operand != NULL && strcmp(command->operand, "PROGRAM") == 0)
		letters[length++] = '+';
	for (const struct option_row *option = command->options; option->name != NULL && count < OPTIONS_MAX; option++) {
		names[count++] = (struct option){option->name, argument_of(option), NULL, option->code};
		if (option_is_short(option)) {
			letters[length++] = (char)option->code;
			for (int colons = argument_of(option); colons > 0; colons--)
				letters[length++] = ':';
		}
	}
	names[count] = (struct option){NULL, 0, NULL, 0};
	letters[length] = '\0';
	return getopt_long(argc, argv, letters, names, NULL);
}

/* Stores an option's names, such as "  -t, --time=SECONDS". Returns the number of columns. */
static int name_option(char names[NAMES_MAX], const struct option_row *option)
{
	const char *argument = option->argument != NULL ? option->argument : "";
	char letter[] = "-x, ";

	letter[1] = (char)option->code;
	return snprintf(names, NAMES_MAX, "  %-4s--%s%s%s", option_is_short(option) ? letter : "", option->name,
			option_is_optional(option) ? "[=" : argument[0] != '\0' ? "=" : "",
			argument + option_is_optional(option));
}

/* Prints what an option does, in lines that begin at a column. */
static void print_description(FILE *to, int column, const char *text)
{
	int at = column;

	while (*text != '\0') {
		int word = (int)strcspn(text, " ");

		if (at > column && at + 1 + word > HELP_COLUMNS) {
			fprintf(to, "\n%*s", column, "");
			at = column;
		}
		at += fprintf(to, "%s%.*s", at > column ? " " : "", word, text);
		text += word;
		text += *text == ' ';
	}
	fputc('\n', to);
}

static void print_options(FILE *to, const struct option_row *options)
{
	char names[NAMES_MAX];
	int widest = 0;

	for (const struct option_row *option = options; option->name != NULL; option++) {
		int columns = name_option(names, option);

		widest = columns > widest ? columns : widest;
	}
	for (const struct option_row *option = options; option->name != NULL; option++) {
		name_option(names, option);
		fprintf(to, "%-*s", widest + 2, names);
		print_description(to, widest + 2, option->help);
	}
}

static void print_usage(FILE *to, const struct command *command)
{
	const char *form = command->usage, *before = "Usage:";

	for (; *form != '\0'; before = "      ") {
		int length = (int)strcspn(form, "\n");

		fprintf(to, "%s rseqkit %s %.*s\n", before, command->name, length, form);
		form += length;
		form += *form == '\n';
	}
}

int option_help(const struct command *command)
{
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);

	if (to == NULL) {
		complain("out of memory");
		return EXIT_USAGE;
	}
	print_usage(to, command);
	fprintf(to, "\n%s\n", command->about);
	print_options(to, command->options);
	fprintf(to, "\n%s", command->ending);
	if (fclose(to) == 0)
		print_help_text(stdout, text);
	free(text);
	return EXIT_CLEAN;
}

int option_misuse(const struct command *command)
{
	complain("'rseqkit %s --help' describes the options", command->name);
	return EXIT_USAGE;
}
