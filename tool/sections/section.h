/* SPDX-License-Identifier: MIT */
/*
 * section.h - one critical section: its instructions, the paths between them, and the values in registers and memory on these
 * paths. The start label is the address of the section's first instruction. The end label is the address after the section.
 *
 * The tool finds the instructions by following the paths from the start label. It never assumes that the bytes after an
 * instruction are the next instruction, unless a path leads there. The rules therefore don't judge data between instructions,
 * nor code that no path reaches.
 */
#ifndef RK_TOOL_SECTIONS_SECTION_H
#define RK_TOOL_SECTIONS_SECTION_H

#include "find.h"
#include "flow.h"

enum { NODES_MAX = 4096 };

/*
 * Where a path goes on after an instruction: the number of the next node, or one of these. EDGE_NONE: nowhere, or it isn't known.
 * EDGE_END: at the end label. EDGE_OUT: outside the section. EDGE_CROSSES: the instruction itself reaches over the end label.
 */
enum { EDGE_NONE = -1, EDGE_END = -2, EDGE_OUT = -3, EDGE_CROSSES = -4 };

/* An instruction of the section. */
struct node {
	struct insn insn;
	int next;            /* where the path goes on without a jump */
	int jump;            /* where the path goes on with a jump or branch */
	bool declared;       /* __rseq_private_store_array declares this instruction's store as private */
	struct state before; /* what is known about registers and memory before the instruction, on every path */
	bool reached;        /* `before` is valid */
	struct effect effect;
};

/* A word on the stack. Its address is the value that the register `base` has at the start label, plus `distance` bytes. */
struct slot {
	int8_t base;
	int64_t distance;
	uint8_t fields; /* the word's value derives from these fields of the area */
};

/*
 * Facts about the code before the start label; see arms.c. This code stores the address of the descriptor in the area, which
 * activates (arms) the section.
 */
struct arming {
	bool found;          /* the instruction before the start label stores the descriptor's address */
	uint64_t address;    /* the address of this instruction */
	int64_t displacement; /* the displacement of this instruction's memory operand */
	bool thread;         /* this operand is relative to the thread pointer */
	struct value area;   /* the address of the area, as an expression of the registers at the start label */
	bool placed[REGISTERS];     /* the register holds the address of the area's beginning, plus `distance` bytes */
	int64_t distance[REGISTERS];
	uint8_t stale[REGISTERS];   /* the fields of the area from which the register's value at the start label derives */
	struct slot slots[2 * CELLS]; /* words on the stack whose values derive from fields of the area */
	unsigned slot_count;
	insn_set copied;     /* registers that the function copied before the start label, or pushes anywhere */
	bool returns;        /* the function can return */
};

/* Why a section can't be decoded. The kernel refuses the descriptor if the version or the flags aren't 0, for example. */
enum section_fault {
	SECTION_RIGHT,      /* it can be decoded */
	SECTION_VERSION,    /* the version isn't 0 */
	SECTION_FLAGS,      /* the flags aren't 0 */
	SECTION_WRAPS,      /* the range wraps around the address space */
	SECTION_EMPTY,      /* the range has no bytes */
	SECTION_NO_CODE,    /* the range isn't code of this file */
	SECTION_INSIDE,     /* the abort handler is in the range */
	SECTION_NO_HANDLER, /* the abort handler isn't code of this file */
	SECTION_ELSEWHERE,  /* the abort handler is in another file */
	SECTION_LONG        /* the range has more than SECTION_LENGTH_MAX bytes */
};

struct section {
	const struct descriptor *descriptor;
	uint64_t start, end, abort;
	enum section_fault fault;
	struct node *nodes;  /* the first node is at the start label */
	size_t count;
	bool complete;       /* all instructions are known */
	bool declares;       /* __rseq_private_store_array has an entry in this section, so it declares all private stores */
	bool crosses;        /* an instruction reaches over the end label */
	uint64_t unknown;    /* the address of the first unknown instruction */
	insn_set written;    /* registers that the section writes */
	insn_set changed;    /* registers that an instruction before the last one writes: an abort can leave them changed */
	insn_set changed_high; /* registers of `changed` of which not only the low part changes, see insn.h */
	insn_set mixed;      /* registers of `changed` that a second execution doesn't always change again (and, or) */
	struct arming arming;
	struct state after;  /* what is known at the end label, if the section ran to its last instruction */
	bool ends;           /* `after` is valid */
};

/* Begins a section, and finds out whether it can be decoded. */
void section_begin(struct section *section, const struct image *image, const struct descriptor *descriptor);

/*
 * Decodes a section without a fault. Returns false if memory is short. section_follow() fills in the nodes' states and effects.
 */
bool section_decode(struct section *section, const struct image *image, const struct found *found, struct decoder *decoder);

/* Finds out what is known about registers and memory before each instruction. Returns false if memory is short. */
bool section_follow(struct section *section, const struct flow *flow);

void section_forget(struct section *section);

/* Does the instruction store to memory? If so, stores the index of this operand in insn.memory[] in *which, unless it is NULL. */
bool node_stores(const struct node *node, unsigned *which);

/* Does the instruction store relative to the stack pointer? Such a store is no commit, because other threads don't see it. */
bool node_stores_to_stack(const struct node *node, const struct arch *arch);

/* Is this the section's last instruction, which ends at the end label? */
bool node_is_last(const struct section *section, const struct node *node);

#endif /* RK_TOOL_SECTIONS_SECTION_H */
