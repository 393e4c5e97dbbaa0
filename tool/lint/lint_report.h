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
	bool has_way_out;      /* a section of the file has a way out */
};

/* report_begin() begins the report of a file or of a member. report_end() ends this report. */
void report_begin(struct report *report);
void report_end(struct report *report, const struct check *check);

/* Prints a section and its findings. In text, only findings are printed. */
void report_section(struct report *report, const struct check *check, const struct section *section,
		    const struct findings *findings);

/* Prints in JSON that a file can't be checked. */
void report_failure(const struct lint_settings *settings, FILE *out, const char *name, const char *why);

/* Prints in JSON that an archive has no object files. */
void report_nothing(const struct lint_settings *settings, FILE *out, const char *name);

#endif /* RK_TOOL_LINT_REPORT_H */
