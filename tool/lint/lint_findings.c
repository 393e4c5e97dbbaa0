/* SPDX-License-Identifier: MIT */
/* lint_findings.c - collects the errors and notes that the rules of `rseqkit lint` find. */
#include "findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void add(struct findings *findings, const char *id, bool error, uint64_t address, const char *format, va_list arguments)
{
	struct finding *more = (struct finding *)realloc(findings->list, (findings->count + 1) * sizeof(*more));

	if (more == NULL) {
		findings->short_of_memory = true;
		return;
	}
	findings->list = more;
	more += findings->count++;
	more->id = id;
	more->error = error;
	more->address = address;
	vsnprintf(more->text, sizeof(more->text), format, arguments);
}

void add_error(struct findings *findings, const char *id, uint64_t address, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add(findings, id, true, address, format, arguments);
	va_end(arguments);
}

void add_note(struct findings *findings, const char *id, uint64_t address, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add(findings, id, false, address, format, arguments);
	va_end(arguments);
}
