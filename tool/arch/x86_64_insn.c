/* SPDX-License-Identifier: MIT */
/*
 * x86_64_insn.c - the port to x86-64: fills in `struct insn` (insn.h), which says what an instruction reads, writes and jumps to.
 *
 * The invariant: an instruction is `unknown` if the table has no row for it, or if its operands don't fit the row.
 */
#include "insn.h"
#include "x86_64_insn.h"

#include <elf.h>
#include <string.h>

/* Fills in the address of a memory operand, and adds the registers of the address to insn->reads. */
static void put_address(const cs_x86_op *operand, const cs_x86 *x86, struct insn *insn, struct insn_memory *memory)
{
	const x86_op_mem *mem = &operand->mem;

	memory->width = operand->size;
	memory->displacement = mem->disp;
	memory->thread = mem->segment == X86_REG_FS;
	memory->base = (int8_t)x86_number(mem->base);
	memory->index = (int8_t)x86_number(mem->index);
	memory->factor = memory->index != NO_REGISTER ? mem->scale : 0;
	if (mem->base == X86_REG_RIP)
		memory->displacement = (int64_t)(insn->address + insn->size + (uint64_t)mem->disp);
	else if (mem->base != X86_REG_INVALID && memory->base == NO_REGISTER)
		memory->unknown_address = true;
	if (mem->segment == X86_REG_GS || x86->addr_size != 8 || memory->index >= FIRST_VECTOR ||
	    (mem->index != X86_REG_INVALID && mem->index != X86_REG_RIZ && mem->index != X86_REG_EIZ &&
	     memory->index == NO_REGISTER))
		memory->unknown_address = true;
	if (memory->base != NO_REGISTER)
		insn->reads |= INSN_BIT(memory->base);
	if (memory->index != NO_REGISTER)
		insn->reads |= INSN_BIT(memory->index);
	insn->narrow &= ~((memory->base != NO_REGISTER ? INSN_BIT(memory->base) : 0) |
			  (memory->index != NO_REGISTER ? INSN_BIT(memory->index) : 0));
}

static void put_register(const cs_x86_op *operand, char role, struct insn *insn)
{
	int number = x86_number(operand->reg);

	if (number == NO_REGISTER) {
		insn->unknown = true;
		return;
	}
	if (role == 'r' || role == 'u') {
		if (operand->size < 4)
			insn->narrow |= INSN_BIT(number) & ~insn->reads;
		else
			insn->narrow &= ~INSN_BIT(number);
		insn->reads |= INSN_BIT(number);
	}
	if (role == 'w' || role == 'u') {
		insn->writes |= INSN_BIT(number);
		if (operand->size < 4)
			insn->partly |= INSN_BIT(number);
	}
}

static void put_memory(const cs_x86_op *operand, char role, const cs_x86 *x86, const struct x86_row *row, struct insn *insn)
{
	struct insn_memory *memory = &insn->memory[insn->memories];

	if (insn->memories == 2) {
		insn->unknown = true;
		return;
	}
	insn->memories++;
	put_address(operand, x86, insn, memory);
	memory->access = role == 'r' ? ACCESS_LOAD : role == 'w' ? ACCESS_STORE : role == 'u' ? ACCESS_UPDATE : ACCESS_NONE;
	memory->again = (row->flags & X86_AGAIN) != 0;
	memory->exchange = (row->flags & X86_LOCKS) != 0;
	memory->maybe = (row->flags & X86_MAYBE) != 0;
	memory->atomic = role == 'u' && (x86->prefix[0] == X86_PREFIX_LOCK || (row->flags & X86_LOCKS) != 0);
}

/* Fills in what the instruction reads and writes by its operands. row->roles has a letter for each operand. */
static void put_operands(const cs_x86 *x86, const struct x86_row *row, struct insn *insn)
{
	size_t roles = strnlen(row->roles, sizeof(row->roles));

	if (x86->op_count > roles)
		insn->unknown = true;
	for (size_t i = 0; i < x86->op_count && i < roles; i++) {
		const cs_x86_op *operand = &x86->operands[i];
		char role = row->roles[i];

		if (operand->type == X86_OP_REG && role != 'a')
			put_register(operand, role, insn);
		else if (operand->type == X86_OP_MEM)
			put_memory(operand, role, x86, row, insn);
		else if (operand->type == X86_OP_IMM && operand->imm != 0 && insn->sets_flags)
			insn->measures = true;
	}
	/* A store takes its value from the other operands. */
	if (insn->memories == 0 || (insn->memory[0].access != ACCESS_STORE && insn->memory[0].access != ACCESS_UPDATE))
		return;
	for (size_t i = 0; i < x86->op_count; i++) {
		const cs_x86_op *operand = &x86->operands[i];

		if (operand->type == X86_OP_REG && x86_number(operand->reg) != NO_REGISTER)
			insn->stored |= INSN_BIT(x86_number(operand->reg));
		if (operand->type == X86_OP_IMM && insn->memory[0].access == ACCESS_STORE) {
			insn->stores_constant = true;
			insn->constant = operand->imm;
		}
	}
}

/* Fills in a string instruction. If it has a repeat prefix, rcx counts the elements. */
static void put_string(const cs_x86 *x86, struct insn *insn)
{
	bool repeated = x86->prefix[0] == X86_PREFIX_REP || x86->prefix[0] == X86_PREFIX_REPNE;

	for (size_t i = 0; i < insn->memories; i++) {
		insn->memory[i].repeated = repeated;
		insn->writes |= INSN_BIT(insn->memory[i].base);
	}
	/* For movs, capstone has the store's operand first, but `struct insn` has the load's operand first. */
	if (insn->memories == 2 && insn->memory[0].access == ACCESS_STORE) {
		struct insn_memory store = insn->memory[0];

		insn->memory[0] = insn->memory[1];
		insn->memory[1] = store;
	}
	if (repeated) {
		insn->reads |= INSN_BIT(RCX);
		insn->writes |= INSN_BIT(RCX);
	}
}

/* Fills in push, pop and the like, which have a memory operand on the stack. */
static void put_stack(enum x86_result result, const cs_x86 *x86, struct insn *insn)
{
	struct insn_memory *memory = &insn->memory[insn->memories];
	bool pushes = result == X86_PUSH;

	insn->reads |= INSN_BIT(RSP);
	insn->writes |= INSN_BIT(RSP);
	if (insn->memories == 2 || result == X86_STACK) {
		insn->unknown |= result != X86_STACK;
		return;
	}
	insn->memories++;
	memory->access = pushes ? ACCESS_STORE : ACCESS_LOAD;
	memory->base = RSP;
	memory->width = x86->op_count > 0 ? x86->operands[0].size : 8;
	memory->step = pushes ? -(int64_t)memory->width : memory->width;
	memory->displacement = pushes ? memory->step : 0;
	if (!pushes && insn->memories == 1 && x86->op_count == 1 && x86->operands[0].type == X86_OP_REG && memory->width == 8) {
		insn->sum = (struct insn_sum){
			.to = (int8_t)x86_number(x86->operands[0].reg), .width = 8, .first = {.source = SOURCE_MEMORY}};
		insn->unknown |= insn->sum.to == RSP;
	}
	if (pushes && x86->op_count == 1 && x86->operands[0].type == X86_OP_REG)
		insn->stored |= insn->reads & ~INSN_BIT(RSP);
}

/* Fills in the kind, and the target of a jump. int 0x80 is a system call; other interrupts are traps. */
static void put_kind(const cs_x86 *x86, const struct x86_row *row, struct insn *insn)
{
	bool direct = x86->op_count == 1 && x86->operands[0].type == X86_OP_IMM;

	insn->kind = row->kind;
	switch (row->kind) {
	case INSN_JUMP:
	case INSN_BRANCH:
		if (direct)
			insn->target = (uint64_t)x86->operands[0].imm;
		else
			insn->kind = INSN_INDIRECT;
		break;
	case INSN_CALL:
		insn->target = direct ? (uint64_t)x86->operands[0].imm : 0;
		break;
	case INSN_TRAP:
		if (direct && (x86->operands[0].imm & 0xff) == 0x80)
			insn->kind = INSN_SYSTEM_CALL;
		break;
	default:
		break;
	}
}

/* Are both operands the same register? */
static bool has_one_register(const cs_x86 *x86)
{
	return x86->op_count == 2 && x86->operands[0].type == X86_OP_REG && x86->operands[1].type == X86_OP_REG &&
	       x86->operands[0].reg == x86->operands[1].reg;
}

static void convert(const cs_insn *decoded, struct insn *insn)
{
	const cs_x86 *x86 = &decoded->detail->x86;
	const struct x86_row *row = x86_row(decoded);

	if (row == NULL) {
		insn->unknown = true;
		return;
	}
	insn->reads = row->reads;
	insn->writes = row->writes;
	insn->conditional = (row->flags & X86_USES) != 0;
	insn->sets_flags = (row->flags & X86_SETS) != 0;
	put_operands(x86, row, insn);
	insn->toggles = (row->flags & X86_TOGGLES) != 0 && !has_one_register(x86);
	put_kind(x86, row, insn);
	if (x86_ignores_operands(decoded))
		insn->reads = 0;
	if (row->result == X86_STRING)
		put_string(x86, insn);
	else if (row->result == X86_PUSH || row->result == X86_POP || row->result == X86_STACK)
		put_stack(row->result, x86, insn);
	else
		x86_put_result(x86, row, insn);
	/* A bit that a register selects can be far from the operand. */
	if (row->result == X86_BIT && insn->memories == 1 && x86->operands[1].type == X86_OP_REG)
		insn->memory[0].unknown_address = true;
}

/* ud1 and ud0 have an operand, whose bytes capstone doesn't count. Returns the whole size. */
static uint8_t trap_size(const uint8_t *code, size_t size, uint8_t decoded)
{
	size_t at = 0, more = 1;
	uint8_t form, kind;

	while (at + 2 < size && code[at] != 0x0f)
		at++;
	if (at + 3 >= size || (code[at + 1] != 0xb9 && code[at + 1] != 0xff) || at + 2 < decoded)
		return decoded;
	form = code[at + 2] & 7;
	kind = code[at + 2] >> 6;
	if (kind != 3 && form == 4) { /* the next byte has the index and the base */
		form = code[at + 3] & 7;
		more++;
	}
	more += kind == 1 ? 1 : kind == 2 || (kind == 0 && form == 5) ? 4 : 0;
	return at + 2 + more <= size ? (uint8_t)(at + 2 + more) : decoded;
}

const struct arch arch_x86 = {
	.name = "x86-64",
	.machine = EM_X86_64,
	.engine = CS_ARCH_X86,
	.mode = CS_MODE_64,
	.longest = 15,
	.step = 1,
	.signature = 0x53053053,
	.relative = R_X86_64_RELATIVE,
	.absolute = R_X86_64_64,
	.global = R_X86_64_GLOB_DAT,
	.offset = R_X86_64_TPOFF64,
	.tls_precedes = true,
	.relocate = x86_relocate,
	.undefined_rule = 3,
	.stack = RSP,
	.frame = RBP,
	.saved = INSN_BIT(RBX) | INSN_BIT(RBP) | INSN_BIT(12) | INSN_BIT(13) | INSN_BIT(14) | INSN_BIT(15),
	.scratch = INSN_BIT(RAX) | INSN_BIT(RCX) | INSN_BIT(RDX) | INSN_BIT(RSI) | INSN_BIT(RDI) | INSN_BIT(8) | INSN_BIT(9) |
		   INSN_BIT(10) | INSN_BIT(11) | (insn_set)0xffffffff << FIRST_VECTOR,
	.names = x86_names,
	.dwarf = x86_dwarf,
	.convert = convert,
	.trap_size = trap_size,
	.scan = x86_scan,
};
