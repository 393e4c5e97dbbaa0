/* SPDX-License-Identifier: MIT */
/* lint.h - the settings of `rseqkit lint`, and the check of one file. */
#ifndef RK_TOOL_LINT_LINT_H
#define RK_TOOL_LINT_LINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct lint_settings {
	bool json; /* a JSON object for each file, instead of text */
	bool all;  /* print notes, not only errors */
};

/* Returns the more important of two exit codes. The most important is EXIT_USAGE, then EXIT_FINDINGS, then EXIT_UNSURE. */
int worse_status(int one, int other);

/*
 * Checks one file, and writes the report to `out`. Returns an exit code. The file can be made to harm the tool, so only a child
 * process with limits of time and memory may call this function.
 */
int lint_file(const char *path, const struct lint_settings *settings, FILE *out);

/* Checks a file in memory: `bytes` is a private and writable mapping of `fd`. */
int lint_bytes(const char *path, int fd, uint8_t *bytes, size_t size, const struct lint_settings *settings, FILE *out);

#endif /* RK_TOOL_LINT_LINT_H */
