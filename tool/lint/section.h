/* SPDX-License-Identifier: MIT */
/*
 * section.h - one critical section: its instructions, the paths between them, and the values on these paths.
 *
 * Instructions are found by following paths from the start label, never by decoding one after another. So data between
 * instructions, and code that no path reaches, isn't judged.
 */
#ifndef RK_TOOL_LINT_SECTION_H
#define RK_TOOL_LINT_SECTION_H

#include "find.h"
#include "flow.h"

enum { NODES_MAX = 4096 };

/* Where a path goes on after an instruction: to a node's number, or one of these. */
enum { EDGE_NONE = -1, EDGE_END = -2, EDGE_OUT = -3, EDGE_CROSSES = -4 };

struct node {
	struct insn insn;
	int next;            /* without a jump */
	int jump;            /* with a jump or branch */
	bool declared;       /* a store that is declared as private */
	struct state before; /* what holds before the instruction on every path */
	bool reached;        /* `before` is valid */
	struct effect effect;
};

/* A place on the stack: at the value that a register has at the start label, plus `distance` bytes. */
struct slot {
	int8_t base;    /* the register */
	int64_t distance;
	uint8_t fields; /* the contents of the place derive from these fields of the area */
};

/* The facts that the code before the start label shows; see arms.c. */
struct arming {
	bool found;          /* the instruction before the start label stores the descriptor */
	uint64_t address;    /* of that instruction */
	int64_t displacement; /* of the operand that it stores to */
	bool thread;         /* this operand is relative to the thread pointer */
	struct value area;   /* the address of the area, in the values of registers at the start label */
	bool placed[REGISTERS];     /* the register holds the address of the area's beginning, plus `distance` bytes */
	int64_t distance[REGISTERS];
	uint8_t stale[REGISTERS];   /* fields that a register holds at the start label, loaded before */
	struct slot slots[2 * CELLS]; /* places on the stack that hold fields, stored before */
	unsigned slot_count;
	uint8_t tested;      /* fields that were tested before the start label, in the same function */
	insn_set copied;     /* registers that the function copied before the start label */
	bool returns;        /* the function possibly returns */
};

struct section {
	const struct descriptor *descriptor;
	uint64_t start, end, abort;
	bool valid;          /* the descriptor is one that the kernel accepts, and the code is there */
	struct node *nodes;  /* the first one is the start */
	size_t count;
	bool complete;       /* all instructions are known */
	bool declares;       /* the file declares which stores of this section are private */
	bool crosses;        /* an instruction reaches over the end label */
	uint64_t unknown;    /* the address of the first unknown instruction */
	insn_set written;    /* registers that the section writes */
	insn_set changed;    /* registers that an instruction before the last one writes: an abort can leave them changed */
	insn_set mixed;      /* registers of `changed` that a second execution possibly doesn't change again (and, or) */
	struct arming arming;
	struct state after;  /* what holds at the end label, if the section ran to its last instruction */
	bool ends;           /* `after` is valid */
};

/* Decodes the section. Returns false if memory is short. The values come later, when the area is known. */
bool section_decode(struct section *section, const struct image *image, const struct found *found, struct decoder *decoder);

/* Follows the values along all paths. */
bool section_follow(struct section *section, const struct flow *flow);

void section_forget(struct section *section);

/* Does the instruction store to memory? Then *which is the number of the operand that stores. */
bool node_stores(const struct node *node, unsigned *which);

/* Does the instruction store to its own thread's stack? Such a store is no commit. */
bool node_stores_to_stack(const struct node *node, const struct arch *arch);

/* Is this the section's last instruction, so that the next instruction is at the end label? */
bool node_is_last(const struct section *section, const struct node *node);

#endif /* RK_TOOL_LINT_SECTION_H */
