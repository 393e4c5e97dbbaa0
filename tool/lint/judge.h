/* SPDX-License-Identifier: MIT */
/* judge.h - the check of one ELF file by the rules of `rseqkit lint` (doc/lint.md): what they look at, and what they find. */
#ifndef RK_TOOL_LINT_JUDGE_H
#define RK_TOOL_LINT_JUDGE_H

#include "sections/arms.h"
#include "sections/find.h"
#include "findings.h"
#include "sections/lines.h"
#include "sections/listing.h"
#include "sections/section.h"
#include "sections/starts.h"

/* A jump from outside into the range of a section, which begins at the start label and ends at the end label. */
struct entry {
	uint64_t source, target;
	bool sure; /* the jump is certainly an instruction, and not data */
};

struct check {
	const struct image *image;
	struct found found;
	struct decoder *decoder;
	struct listings listings;
	struct flow flow;      /* the facts that are the same for all sections. The area isn't one of them, so has_area is false */
	struct lines *lines;
	uint64_t *addresses;   /* the addresses of the descriptors, sorted */
	struct starts starts;
	struct span *ranges;   /* the ranges of all sections, sorted. Overlapping ranges are joined */
	size_t range_count;
	struct armed *armed;   /* the instructions that store the address of a descriptor, sorted by this address */
	size_t armed_count;
	struct entry *entries; /* sorted by target */
	size_t entry_count;
};

/*
 * The rules, in the order of the calls. The first comment of rules_NAME.c says what the rules are. Call rules_descriptor() for
 * each section, and the other functions only for a section without a fault.
 */
void rules_descriptor(const struct check *check, const struct section *section, struct findings *findings);
void rules_instructions(const struct check *check, const struct section *section, struct findings *findings);
void rules_arming(struct check *check, struct section *section, struct findings *findings);
void rules_stores(const struct check *check, const struct section *section, struct findings *findings);
void rules_index(struct check *check, const struct section *section, struct findings *findings);
void rules_paths(struct check *check, const struct section *section, struct findings *findings);
void rules_abort(struct check *check, const struct section *section, struct findings *findings);

/* scan.c: fills in check->armed and check->entries from all of the file's code. Returns false if memory is short. */
bool scan_code(struct check *check);

/* Checks an image, and adds its sections and findings to the report. `fd` is the image's file. Returns an exit code. */
struct report;
int check_image(struct image *image, int fd, struct report *report);

#endif /* RK_TOOL_LINT_JUDGE_H */
