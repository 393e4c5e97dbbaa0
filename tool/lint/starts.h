/* SPDX-License-Identifier: MIT */
/* starts.h - the descriptors of a file in the order of their ranges. */
#ifndef RK_TOOL_LINT_STARTS_H
#define RK_TOOL_LINT_STARTS_H

#include "find.h"

struct starts {
	const struct descriptor **list; /* sorted by start */
	uint64_t *reach;                /* for each range: the greatest end of this range and of those before it in the list */
	size_t count;
};

/* Sorts the descriptors. Returns false if memory is short. */
bool starts_begin(struct starts *starts, const struct found *found);
void starts_end(struct starts *starts);

/* How many descriptors have a start label at the address? */
size_t starts_at(const struct starts *starts, uint64_t address);

/*
 * Finds a descriptor whose range shares a byte with low <= address < high. Ranges that wrap have no bytes. Set *next to 0 before
 * the first call. Each further call finds another descriptor, until a call returns NULL.
 */
const struct descriptor *starts_in(const struct starts *starts, uint64_t low, uint64_t high, size_t *next);

#endif /* RK_TOOL_LINT_STARTS_H */
