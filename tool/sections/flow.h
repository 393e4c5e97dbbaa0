/* SPDX-License-Identifier: MIT */
/*
 * flow.h - follows values through instructions: says for each instruction what is known about registers and memory before and
 * after it.
 *
 * A value is an expression of symbols (value.h). At the beginning the value of each register is a symbol of its own, an input. If
 * a value differs between two paths that meet, it is unknown from there on. The value that a load reads is a new symbol, unless a
 * store to the same address is remembered.
 */
#ifndef RK_TOOL_SECTIONS_FLOW_H
#define RK_TOOL_SECTIONS_FLOW_H

#include "image.h"
#include "value.h"

enum { FLAGS = REGISTERS, VALUES, CELLS = 8, LOADS_MAX = 63 };

/* A word of memory to which every path has stored, and its value. */
struct cell {
	struct value address, value;
	unsigned width;
};

struct state {
	struct value values[VALUES]; /* values of registers; the last element says what the flags derive from */
	struct cell cells[CELLS];    /* stores that are remembered */
	unsigned cell_count;
	bool full;                   /* there were more stores than cells */
};

/* The facts that values depend on: where the area is, and which words of memory are constant. */
struct flow {
	const struct image *image;
	const uint64_t *descriptors; /* sorted addresses of descriptors. A word with such an address is assumed to be constant */
	size_t descriptor_count;
	bool has_area;               /* `area` is known */
	struct value area;           /* the address of the area, as an expression of inputs */
};

/* The effect of one instruction. It depends on the state before the instruction. */
struct effect {
	struct value addresses[2]; /* the addresses of the operands insn->memory[] */
	struct value loaded;       /* the value that the first loading operand loads */
	struct value stored;       /* the value that is stored, as far as it comes from registers, constants and loads */
	uint8_t tested;            /* if the instruction has a condition: the fields of the area on which the condition depends */
	bool tested_number;        /* the condition can compare with another number than 0 */
	uint64_t tested_loads;     /* loads on which the condition depends */
	bool tested_vague;         /* the condition can depend on any field */
	bool renewed;              /* every path has already stored to the memory to which the instruction stores */
};

/* Begins: the value of each register is an input, and nothing is known about memory. */
void state_begin(struct state *state);

/*
 * Follows one instruction, and changes the state. If the instruction loads, the loaded value is the symbol SYMBOL_LOAD + `load`.
 * In sets of loads, such as tested_loads, this load has the bit `load`. Stores the effect, unless `effect` is NULL.
 */
void flow_step(const struct flow *flow, const struct insn *insn, unsigned load, struct state *state, struct effect *effect);

/* Two paths meet: keeps in `state` only what is true in both states. Returns true if `state` changed. */
bool state_join(struct state *state, const struct state *other);

/* Returns the fields of the area that an access of `width` bytes touches; 0 if the address isn't known to be in the area. */
uint8_t flow_fields(const struct flow *flow, const struct value *address, unsigned width);

/* Is `number` the address of a descriptor? */
bool flow_is_descriptor(const struct flow *flow, uint64_t number);

/* Is the distance between the address and the area known? */
bool flow_is_placed(const struct flow *flow, const struct value *address);

/* Does the access reach the area's first 28 bytes, up to mm_cid? Programs may store to later bytes. */
bool flow_is_area(const struct flow *flow, const struct value *address, unsigned width);

#endif /* RK_TOOL_SECTIONS_FLOW_H */
