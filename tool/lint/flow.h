/* SPDX-License-Identifier: MIT */
/*
 * flow.h - follows values through instructions.
 *
 * At the beginning each register is an input, with a symbol of its own. Where paths meet, a value that differs between them is
 * unknown. A load gives a symbol; a store is remembered for later loads from the same address.
 */
#ifndef RK_TOOL_LINT_FLOW_H
#define RK_TOOL_LINT_FLOW_H

#include "image.h"
#include "value.h"

enum { FLAGS = REGISTERS, VALUES, CELLS = 8, LOADS_MAX = 63 };

/* A place that was stored to on every path, and its value. */
struct cell {
	struct value address, value;
	unsigned width;
};

struct state {
	struct value values[VALUES]; /* of registers; the last one is what the flags derive from */
	struct cell cells[CELLS];
	unsigned cell_count;
	bool full;                   /* there were more places than cells */
};

/* The facts that values depend on: where the area is, and which words of memory are constant. */
struct flow {
	const struct image *image;
	const uint64_t *descriptors; /* sorted addresses: a word in memory with one of these doesn't change */
	size_t descriptor_count;
	bool has_area;
	struct value area;           /* the address of the area in inputs */
};

/* The effect of one instruction, given the state before it. */
struct effect {
	struct value addresses[2]; /* the addresses of the operands insn->memory[] */
	struct value loaded;       /* by the first operand that loads */
	struct value stored;       /* what the operand that stores takes from registers, constants and loads */
	uint8_t tested;            /* fields on which a condition depends */
	bool tested_number;        /* the condition possibly compares with something else than 0 */
	uint64_t tested_loads;     /* loads on which a condition depends */
	bool tested_vague;         /* the condition possibly depends on any field */
	bool renewed;              /* the operand that stores is a place that was stored to before, on every path */
};

/* Makes each register an input. No memory is known. */
void state_begin(struct state *state);

/* Makes unknown: the values of these registers, the flags, and all memory. Used for calls and for unknown instructions. */
void state_forget(struct state *state, insn_set registers);

/*
 * Follows one instruction, and changes the state. If the instruction loads, `load` is the number of the loaded value, in
 * expressions and in sets. Stores the effect, unless `effect` is NULL.
 */
void flow_step(const struct flow *flow, const struct insn *insn, unsigned load, struct state *state, struct effect *effect);

/* Keeps in `state` only what holds in both states. Returns true if `state` changed. */
bool state_join(struct state *state, const struct state *other);

/* The fields that an access of `width` bytes to the address touches; 0 if it is no known place in the area. */
uint8_t flow_fields(const struct flow *flow, const struct value *address, unsigned width);

/* Is the number the address of a descriptor? */
bool flow_is_descriptor(const struct flow *flow, uint64_t number);

/* Is the distance between the address and the area known? */
bool flow_is_placed(const struct flow *flow, const struct value *address);

/* Does an access to the address reach the area's first 28 bytes, which belong to the kernel and to rseq? */
bool flow_is_area(const struct flow *flow, const struct value *address, unsigned width);

#endif /* RK_TOOL_LINT_FLOW_H */
