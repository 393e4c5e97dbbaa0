/* SPDX-License-Identifier: MIT */
/* x86_64_insn.h - what the files of the port to x86-64 share: the table of instructions, and the scan of code. */
#ifndef RK_TOOL_ARCH_X86_64_INSN_H
#define RK_TOOL_ARCH_X86_64_INSN_H

#include "insn.h"

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI };

/*
 * Flags of a row. X86_SETS: the instruction sets the processor's flags. X86_USES: it reads the processor's flags. X86_LOCKS: it
 * is xchg, which is atomic on a memory operand even without a lock prefix. X86_AGAIN, X86_MAYBE, X86_TOGGLES: see `again`,
 * `maybe` and `toggles` in insn.h.
 */
enum { X86_SETS = 1, X86_USES = 2, X86_AGAIN = 4, X86_MAYBE = 8, X86_LOCKS = 16, X86_TOGGLES = 32 };

/* How the first operand's new value is computed. */
enum x86_result {
	X86_MIX, /* in any way from the operands */
	X86_MOVE, X86_EXTEND, X86_LEA, X86_ADD, X86_SUB, X86_INC, X86_DEC, X86_NEG, X86_SHL, X86_IMUL, X86_XOR, X86_RDFS,
	X86_BIT, X86_STRING, X86_PUSH, X86_POP, X86_STACK
};

/* One row of the table. `roles` has a letter for each operand: r is read, w is written, u is both, a isn't accessed. */
struct x86_row {
	char roles[4];
	uint8_t result;         /* enum x86_result */
	uint8_t flags;          /* X86_SETS and so on */
	uint16_t reads, writes; /* general registers that the instruction uses without naming them as operands */
	uint8_t kind;           /* enum insn_kind */
	bool present;
};

/* Returns the row of an instruction, or NULL if the table doesn't have it. */
const struct x86_row *x86_row(const cs_insn *decoded);

/* Returns the number of a register of capstone, see insn.h. Returns NO_REGISTER if the register has no number. */
int x86_number(x86_reg reg);

/* Fills in insn->sum if the result is a sum. The operands must have been filled in before. */
void x86_put_result(const cs_x86 *x86, const struct x86_row *row, struct insn *insn);

/* Are both source operands the same register, in an instruction whose result then doesn't depend on the register's value? */
bool x86_ignores_operands(const cs_insn *decoded);

/* See `struct arch`. */
extern const char *const x86_names[32];
int x86_dwarf(int number);
void x86_scan(const uint8_t *code, size_t size, uint64_t address, const struct insn_wanted *wanted,
	      insn_hit *hit, void *argument);

/* x86_64_relocation.c */
struct relocation;
void x86_relocate(const struct relocation *r);

#endif /* RK_TOOL_ARCH_X86_64_INSN_H */
