/* SPDX-License-Identifier: MIT */
/*
 * schema.h - checks the tool's JSON by its schema, with the program VALIDATE.
 *
 * Guests of tests/system (emulated machines) have this program, but not Python, so tests in guests don't check the JSON.
 */
#ifndef SCHEMA_H
#define SCHEMA_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "test.h"

static void assert_schema(const char *text)
{
	const char *validate = getenv("VALIDATE");
	char command[4200];
	FILE *input;

	if (validate == NULL || access(validate, X_OK) != 0 || system("command -v python3 >/dev/null") != 0)
		return;
	snprintf(command, sizeof(command), "'%s' /dev/stdin >&2", validate);
	input = popen(command, "w");
	assert_non_null(input);
	assert_true(fputs(text, input) >= 0);
	assert_int_equal(pclose(input), 0);
}

#endif /* SCHEMA_H */
