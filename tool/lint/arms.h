/* SPDX-License-Identifier: MIT */
/* arms.h - the stores that activate sections, and the code before start labels. */
#ifndef RK_TOOL_LINT_ARMS_H
#define RK_TOOL_LINT_ARMS_H

#include "listing.h"
#include "section.h"

enum arms_result {
	ARMS_RIGHT,
	ARMS_UNKNOWN, /* no store of the descriptor was found before the start label */
	ARMS_LIKELY,  /* the instruction before the start label stores eight bytes, which aren't known */
	ARMS_EARLY,   /* an instruction lies between the store and the start label */
	ARMS_NARROW,  /* the store before the start label has fewer than eight bytes */
	ARMS_OTHER    /* the store before the start label is that of another section's descriptor */
};

/*
 * Looks at the code before a section's start label, and fills in section->arming. Stores in *place the instruction that is
 * wrong, if one is.
 */
enum arms_result arms_look(struct listings *listings, const struct flow *flow, struct section *section, uint64_t *place);

/* The fields of the area that the function tests anywhere before the start label. */
uint8_t arms_tested_before(struct listings *listings, const struct flow *flow, const struct section *section);

/* An instruction that stores the address of a descriptor, as an arming store does. */
struct armed {
	uint64_t descriptor, address, end; /* of the instruction */
	int64_t displacement;              /* of its operand */
	bool thread;
};

/* Finds such instructions near `hit`, a place that the scan for addresses has found. Returns their number, at most `room`. */
size_t arms_at(struct listings *listings, const struct flow *flow, uint64_t hit, struct armed *armed, size_t room);

#endif /* RK_TOOL_LINT_ARMS_H */
