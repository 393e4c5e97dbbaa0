/* SPDX-License-Identifier: MIT */
/*
 * arms.h - the code before a critical section's start label. Its last instruction activates (arms) the section: it stores the
 * descriptor's address in the area's field rseq_cs. A listing (listing.h) has the instructions of a function, and a flow (flow.h)
 * follows values through them.
 */
#ifndef RK_TOOL_SECTIONS_ARMS_H
#define RK_TOOL_SECTIONS_ARMS_H

#include "listing.h"
#include "section.h"

enum arms_result {
	ARMS_RIGHT,   /* the instruction before the start label stores the descriptor's address */
	ARMS_UNKNOWN, /* no store of the descriptor's address was found before the start label */
	ARMS_LIKELY,  /* the instruction before the start label stores eight bytes, whose value isn't known */
	ARMS_EARLY,   /* an earlier instruction stores the descriptor's address; more instructions follow before the start label */
	ARMS_NARROW,  /* the instruction before the start label stores fewer than eight bytes of this address */
	ARMS_OTHER    /* the instruction before the start label stores the address of another section's descriptor */
};

/*
 * Looks at the code before a section's start label, and fills in section->arming. *place gets the address of the instruction to
 * which the result refers.
 */
enum arms_result arms_look(struct listings *listings, const struct flow *flow, struct section *section, uint64_t *place);

/* Returns the fields of the area that the section's function tests anywhere before the start label. */
uint8_t arms_tested_before(struct listings *listings, const struct flow *flow, const struct section *section);

/* An instruction that stores the address of a descriptor. */
struct armed {
	uint64_t descriptor, address, end; /* the descriptor's address; where the instruction begins and ends */
	int64_t displacement;              /* the displacement of the operand to which it stores */
	bool thread;                       /* this operand is relative to the thread pointer */
};

/*
 * Finds instructions that store the address of a descriptor. Looks after `hit`, where a scan has found an instruction that
 * computes such an address. Returns how many it found, at most `room`.
 */
size_t arms_at(struct listings *listings, const struct flow *flow, uint64_t hit, struct armed *armed, size_t room);

#endif /* RK_TOOL_SECTIONS_ARMS_H */
