/* SPDX-License-Identifier: MIT */
/* check.h - the check of one ELF file: what the rules look at, and what they find. */
#ifndef RK_TOOL_LINT_CHECK_H
#define RK_TOOL_LINT_CHECK_H

#include "arms.h"
#include "find.h"
#include "findings.h"
#include "lines.h"
#include "listing.h"
#include "section.h"
#include "starts.h"

/* A jump from outside into a range. */
struct entry {
	uint64_t source, target;
	bool sure; /* the jump is certainly an instruction, and not data */
};

struct check {
	const struct image *image;
	struct found found;
	struct decoder *decoder;
	struct listings listings;
	struct flow flow;      /* its has_area is false */
	struct lines *lines;
	uint64_t *addresses;   /* of descriptors, sorted */
	struct starts starts;
	struct span *ranges;   /* of all sections, sorted; ranges that overlap are joined */
	size_t range_count;
	struct armed *armed;   /* places that store a descriptor, sorted by descriptor */
	size_t armed_count;
	struct entry *entries; /* sorted by target */
	size_t entry_count;
};

/* The rules. Each function's file says what its rules are. Later functions expect a section with valid parts. */
void rules_descriptor(const struct check *check, struct section *section, struct findings *findings);
void rules_instructions(const struct check *check, const struct section *section, struct findings *findings);
void rules_arming(struct check *check, struct section *section, struct findings *findings);
void rules_stores(const struct check *check, const struct section *section, struct findings *findings);
void rules_index(struct check *check, const struct section *section, struct findings *findings);
void rules_paths(struct check *check, const struct section *section, struct findings *findings);
void rules_abort(struct check *check, const struct section *section, struct findings *findings);

/* scan.c: finds jumps into sections, and the stores of descriptors, in all of the file's code. */
bool scan_code(struct check *check);

/* Checks an image, and reports it. `fd` is the file. Returns an exit code. */
struct report;
int check_image(struct image *image, int fd, struct report *report);

#endif /* RK_TOOL_LINT_CHECK_H */
