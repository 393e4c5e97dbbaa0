/* SPDX-License-Identifier: MIT */
/* options.c - reads option arguments. An argument must be a number and nothing else. A number out of range is an error. */
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "tool.h"

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

int option_misuse(const char *command)
{
	complain("'rseqkit %s --help' describes the options", command);
	return EXIT_USAGE;
}
