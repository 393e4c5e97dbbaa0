/* SPDX-License-Identifier: MIT */
/* starts.h - the descriptors of a file's critical sections, sorted by their start labels, to find those at an address. */
#ifndef RK_TOOL_SECTIONS_STARTS_H
#define RK_TOOL_SECTIONS_STARTS_H

#include "find.h"

struct starts {
	const struct descriptor **list; /* sorted by start */
	uint64_t *reach;                /* for each descriptor: the greatest end of this section and of those before it */
	size_t count;
};

/* Sorts the descriptors. Returns false if memory is short. */
bool starts_begin(struct starts *starts, const struct found *found);
void starts_end(struct starts *starts);

/* How many descriptors have a start label at the address? */
size_t starts_at(const struct starts *starts, uint64_t address);

/*
 * Finds a descriptor whose section has a byte at low <= address < high. A section that wraps around the address space has no
 * bytes. Set *next to 0 before the first call. Each further call finds another descriptor, until a call returns NULL.
 */
const struct descriptor *starts_in(const struct starts *starts, uint64_t low, uint64_t high, size_t *next);

#endif /* RK_TOOL_SECTIONS_STARTS_H */
