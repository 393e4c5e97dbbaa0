/* SPDX-License-Identifier: MIT */
/*
 * findings.h - the rules of `rseqkit lint`, and what they find in one critical section: errors and notes. The table of rules is
 * in lint_findings.c. `rseqkit lint --rules` prints it. The manual page, doc/lint.md and the JSON's schema have the same rules.
 * tests/lint/rules checks this.
 */
#ifndef RK_TOOL_LINT_FINDINGS_H
#define RK_TOOL_LINT_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A row of the table. An id can have two rows, one for its errors and one for its notes. */
enum rule {
	ERROR_DESCRIPTOR,
	ERROR_ABORT,
	ERROR_CALL,
	ERROR_SYSTEM_CALL,
	ERROR_TRAP,
	ERROR_INDIRECT,
	ERROR_ENTRY,
	ERROR_OVERLAP,
	ERROR_COMMIT,
	ERROR_OFF_BY_ONE,
	ERROR_RESTART,
	ERROR_CLOBBER,
	ERROR_STALE_INDEX,
	ERROR_PRE_ARM,
	ERROR_UNREGISTERED,
	ERROR_OTHER_FIELD,
	ERROR_LONG_COMMIT,
	ERROR_STACK,
	ERROR_CALLEE_SAVED,
	ERROR_DISARM,
	ERROR_TWICE,
	ERROR_STORE,
	NOTE_STORE,
	NOTE_EXIT,
	NOTE_LONG_COMMIT,
	NOTE_CLOBBER,
	NOTE_ENTRY,
	NOTE_STACK,
	NOTE_UNDECIDED,
	RULES
};

struct rule_row {
	const char *id;   /* programs may rely on it */
	bool error;       /* true: an error; false: a note */
	const char *text; /* what the rule finds */
};

extern const struct rule_row rule_rows[RULES];

struct finding {
	const struct rule_row *rule;
	uint64_t address;
	char text[400];
};

struct findings {
	struct finding *list;
	size_t count;
	bool short_of_memory;
};

/* Adds what the rule found at the address. */
void add_finding(struct findings *findings, enum rule rule, uint64_t address, const char *format, ...)
	__attribute__((__format__(__printf__, 4, 5)));

#endif /* RK_TOOL_LINT_FINDINGS_H */
