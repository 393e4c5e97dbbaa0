/* SPDX-License-Identifier: MIT */
/* lint_report.h - prints what `rseqkit lint` has found in one file, as text or as JSON. */
#ifndef RK_TOOL_LINT_REPORT_H
#define RK_TOOL_LINT_REPORT_H

#include <json-c/json.h>

#include "judge.h"
#include "lint.h"

struct report {
	const struct lint_settings *settings;
	FILE *out;
	const char *name;      /* the name of the file; for a member of an archive, its name follows in parentheses */
	json_object *sections; /* the array of sections, if the report is JSON */
	size_t errors;         /* how many errors were found */
	bool has_way_out;      /* a section of the file has a jump that leads out of the section */
};

/* report_begin() begins the report of a file, or of a member of an archive. report_end() ends this report. */
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
