/* SPDX-License-Identifier: MIT */
/* insn_x86.h - the parts of the port to x86-64: its table of instructions, and the scan of code. */
#ifndef RK_TOOL_LINT_INSN_X86_H
#define RK_TOOL_LINT_INSN_X86_H

#include "insn.h"

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI };

enum { X86_SETS = 1, X86_USES = 2, X86_AGAIN = 4, X86_MAYBE = 8, X86_LOCKS = 16, X86_TOGGLES = 32 };

/* The kind of the result, in the first operand. */
enum x86_result {
	X86_MIX, /* anything that derives from the operands */
	X86_MOVE, X86_EXTEND, X86_LEA, X86_ADD, X86_SUB, X86_INC, X86_DEC, X86_NEG, X86_SHL, X86_IMUL, X86_XOR, X86_RDFS,
	X86_BIT, X86_STRING, X86_PUSH, X86_POP, X86_STACK
};

/* One row of the table. A role for each operand: r read, w written, u both, a only its address. */
struct x86_row {
	char roles[4];
	uint8_t result;         /* enum x86_result */
	uint8_t flags;
	uint16_t reads, writes; /* general registers that aren't operands */
	uint8_t kind;           /* enum insn_kind */
	bool present;
};

/* The row of an instruction; NULL if it is unknown. */
const struct x86_row *x86_row(const cs_insn *decoded);

/* Our number of capstone's register; NO_REGISTER if it is in no set. */
int x86_number(x86_reg reg);

/* Fills in the result, if it is a sum. Operands must have been filled in. */
void x86_put_result(const cs_x86 *x86, const struct x86_row *row, struct insn *insn);

/* Do both operands name one register, in an instruction whose result then doesn't depend on the register? */
bool x86_ignores_operands(const cs_insn *decoded);

/* See `struct arch`. */
extern const char *const x86_names[32];
int x86_dwarf(int number);
void x86_scan(const uint8_t *code, size_t size, uint64_t address, const struct insn_wanted *wanted,
	      insn_hit *hit, void *argument);

#endif /* RK_TOOL_LINT_INSN_X86_H */
