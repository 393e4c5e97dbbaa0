/* SPDX-License-Identifier: MIT */
/* lint_report.h - prints what was found in one file, as text or as JSON. */
#ifndef RK_TOOL_LINT_REPORT_H
#define RK_TOOL_LINT_REPORT_H

#include <json-c/json.h>

#include "check.h"
#include "lint.h"

struct report {
	const struct lint_settings *settings;
	FILE *out;
	const char *name;      /* of the file, with a member's name in parentheses */
	json_object *sections; /* an array, in JSON */
	size_t errors;
	bool has_way_out;      /* of any section */
};

/* Begins and ends the report of a file or of a member. */
void report_begin(struct report *report);
void report_end(struct report *report, const struct check *check);

/* Prints a section and its findings. In text, only findings are printed. */
void report_section(struct report *report, const struct check *check, const struct section *section,
		    const struct findings *findings);

/* A file that can't be checked, in JSON. */
void report_failure(const struct lint_settings *settings, FILE *out, const char *name, const char *why);

/* An archive without object files, in JSON. */
void report_nothing(const struct lint_settings *settings, FILE *out, const char *name);

#endif /* RK_TOOL_LINT_REPORT_H */
