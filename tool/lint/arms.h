/* SPDX-License-Identifier: MIT */
/* arms.h - the stores that activate sections, and the code before start labels. */
#ifndef RK_TOOL_LINT_ARMS_H
#define RK_TOOL_LINT_ARMS_H

#include "listing.h"
#include "section.h"

enum arms_result {
	ARMS_RIGHT,
	ARMS_UNKNOWN, /* no store of the descriptor was found before the start label */
	ARMS_LIKELY,  /* the instruction before the start label stores eight bytes, whose value isn't known */
	ARMS_EARLY,   /* an instruction lies between the store and the start label */
	ARMS_NARROW,  /* the store before the start label has fewer than eight bytes */
	ARMS_OTHER    /* the store before the start label is that of another section's descriptor */
};

/*
 * Looks at the code before a section's start label, and fills in section->arming. If an instruction is wrong, stores its address
 * in *place.
 */
enum arms_result arms_look(struct listings *listings, const struct flow *flow, struct section *section, uint64_t *place);

/* Returns the fields of the area that the section's function tests anywhere before the start label. */
uint8_t arms_tested_before(struct listings *listings, const struct flow *flow, const struct section *section);

/* An instruction that stores the address of a descriptor, as an arming store does. */
struct armed {
	uint64_t descriptor, address, end; /* the descriptor's address; where the instruction begins and ends */
	int64_t displacement;              /* of the operand that is stored to */
	bool thread;                       /* this operand is relative to the thread pointer */
};

/*
 * Finds arming instructions near `hit`, a place that the scan for addresses has found. Returns the number of these instructions,
 * at most `room`.
 */
size_t arms_at(struct listings *listings, const struct flow *flow, uint64_t hit, struct armed *armed, size_t room);

#endif /* RK_TOOL_LINT_ARMS_H */
