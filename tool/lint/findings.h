/* SPDX-License-Identifier: MIT */
/* findings.h - what the rules of `rseqkit lint` find in one critical section: errors and notes. */
#ifndef RK_TOOL_LINT_FINDINGS_H
#define RK_TOOL_LINT_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct finding {
	const char *id;
	bool error;       /* true: an error; false: a note */
	uint64_t address;
	char text[400];
};

struct findings {
	struct finding *list;
	size_t count;
	bool short_of_memory;
};

void add_error(struct findings *findings, const char *id, uint64_t address, const char *format, ...)
	__attribute__((__format__(__printf__, 4, 5)));
void add_note(struct findings *findings, const char *id, uint64_t address, const char *format, ...)
	__attribute__((__format__(__printf__, 4, 5)));

#endif /* RK_TOOL_LINT_FINDINGS_H */
