/* SPDX-License-Identifier: MIT */
/* lint.h - what `rseqkit lint` was asked, and the check of one file. */
#ifndef RK_TOOL_LINT_LINT_H
#define RK_TOOL_LINT_LINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct lint_settings {
	bool json; /* a JSON object for each file, instead of text */
	bool all;  /* notes, too */
};

/* Returns the exit code that matters more: wrong usage, then errors, then what is unknown. */
int worse_status(int one, int other);

/*
 * Checks one file, and writes the report to `out`. Returns an exit code. The file can be made to harm the tool, so only a child
 * with limits calls this function.
 */
int lint_file(const char *path, const struct lint_settings *settings, FILE *out);

/* Checks a file in memory: `bytes` is a private and writable mapping of `fd`. */
int lint_bytes(const char *path, int fd, uint8_t *bytes, size_t size, const struct lint_settings *settings, FILE *out);

#endif /* RK_TOOL_LINT_LINT_H */
