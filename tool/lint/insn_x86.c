/* SPDX-License-Identifier: MIT */
/*
 * insn_x86.c - the port to x86-64: what its instructions read, write and jump to.
 *
 * The invariant: an instruction whose row is missing in the table is unknown. So is a form that the row doesn't describe.
 */
#include "insn.h"
#include "insn_x86.h"

#include <elf.h>
#include <string.h>

static const char *const names[32] = {
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
};

#define PARTS(whole, half, quarter, byte, number)                                                                      \
	[X86_REG_##whole] = (number) + 1, [X86_REG_##half] = (number) + 1, [X86_REG_##quarter] = (number) + 1,         \
	[X86_REG_##byte] = (number) + 1
#define VECTOR(number)                                                                                                 \
	[X86_REG_XMM##number] = FIRST_VECTOR + (number) + 1, [X86_REG_YMM##number] = FIRST_VECTOR + (number) + 1,      \
	[X86_REG_ZMM##number] = FIRST_VECTOR + (number) + 1

/* capstone's registers: our number + 1, or 0 for a register that no set has. */
static const uint8_t numbers[X86_REG_ENDING] = {
	PARTS(RAX, EAX, AX, AL, RAX),         PARTS(RCX, ECX, CX, CL, RCX),         PARTS(RDX, EDX, DX, DL, RDX),
	PARTS(RBX, EBX, BX, BL, RBX),         PARTS(RSP, ESP, SP, SPL, RSP),        PARTS(RBP, EBP, BP, BPL, RBP),
	PARTS(RSI, ESI, SI, SIL, RSI),        PARTS(RDI, EDI, DI, DIL, RDI),        PARTS(R8, R8D, R8W, R8B, 8),
	PARTS(R9, R9D, R9W, R9B, 9),          PARTS(R10, R10D, R10W, R10B, 10),     PARTS(R11, R11D, R11W, R11B, 11),
	PARTS(R12, R12D, R12W, R12B, 12),     PARTS(R13, R13D, R13W, R13B, 13),     PARTS(R14, R14D, R14W, R14B, 14),
	PARTS(R15, R15D, R15W, R15B, 15),     [X86_REG_AH] = RAX + 1,               [X86_REG_CH] = RCX + 1,
	[X86_REG_DH] = RDX + 1,               [X86_REG_BH] = RBX + 1,
	VECTOR(0),  VECTOR(1),  VECTOR(2),  VECTOR(3),  VECTOR(4),  VECTOR(5),  VECTOR(6),  VECTOR(7),
	VECTOR(8),  VECTOR(9),  VECTOR(10), VECTOR(11), VECTOR(12), VECTOR(13), VECTOR(14), VECTOR(15),
	VECTOR(16), VECTOR(17), VECTOR(18), VECTOR(19), VECTOR(20), VECTOR(21), VECTOR(22), VECTOR(23),
	VECTOR(24), VECTOR(25), VECTOR(26), VECTOR(27), VECTOR(28), VECTOR(29), VECTOR(30), VECTOR(31),
};

static int number_of(x86_reg reg)
{
	return (unsigned)reg < X86_REG_ENDING ? (int)numbers[reg] - 1 : NO_REGISTER;
}

static int dwarf(int number)
{
	static const uint8_t general[16] = {0, 2, 1, 3, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15};

	return number < 16 ? general[number] : number >= FIRST_VECTOR && number < FIRST_VECTOR + 16 ? 17 + number - FIRST_VECTOR : -1;
}

/* Fills the address of a memory operand, and adds the registers of the address to those that the instruction reads. */
static void put_address(const cs_x86_op *operand, const cs_x86 *x86, struct insn *insn, struct insn_memory *memory)
{
	const x86_op_mem *mem = &operand->mem;

	memory->width = operand->size;
	memory->displacement = mem->disp;
	memory->thread = mem->segment == X86_REG_FS;
	memory->base = (int8_t)number_of(mem->base);
	memory->index = (int8_t)number_of(mem->index);
	memory->factor = memory->index != NO_REGISTER ? mem->scale : 0;
	if (mem->base == X86_REG_RIP)
		memory->displacement = (int64_t)(insn->address + insn->size + (uint64_t)mem->disp);
	else if (mem->base != X86_REG_INVALID && memory->base == NO_REGISTER)
		memory->unknown_address = true;
	if (mem->segment == X86_REG_GS || x86->addr_size != 8 || memory->index >= FIRST_VECTOR ||
	    (mem->index != X86_REG_INVALID && mem->index != X86_REG_RIZ && mem->index != X86_REG_EIZ && memory->index == NO_REGISTER))
		memory->unknown_address = true;
	if (memory->base != NO_REGISTER)
		insn->reads |= INSN_BIT(memory->base);
	if (memory->index != NO_REGISTER)
		insn->reads |= INSN_BIT(memory->index);
}

static void put_register(const cs_x86_op *operand, char role, struct insn *insn)
{
	int number = number_of(operand->reg);

	if (number == NO_REGISTER) {
		insn->unknown = true;
		return;
	}
	if (role == 'r' || role == 'u')
		insn->reads |= INSN_BIT(number);
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
	memory->maybe = (row->flags & X86_MAYBE) != 0;
	memory->atomic = role == 'u' && (x86->prefix[0] == X86_PREFIX_LOCK || (row->flags & X86_LOCKS) != 0);
}

/* Adds what the operands read and write. The row has a role for each operand. */
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
	}
	/* A store takes its value from the other operands. */
	if (insn->memories == 0 || (insn->memory[0].access != ACCESS_STORE && insn->memory[0].access != ACCESS_UPDATE))
		return;
	for (size_t i = 0; i < x86->op_count; i++) {
		const cs_x86_op *operand = &x86->operands[i];

		if (operand->type == X86_OP_REG && number_of(operand->reg) != NO_REGISTER)
			insn->stored |= INSN_BIT(number_of(operand->reg));
		if (operand->type == X86_OP_IMM && insn->memory[0].access == ACCESS_STORE) {
			insn->stores_constant = true;
			insn->constant = operand->imm;
		}
	}
}

/* Makes a part of a sum from an operand. Returns false if the operand can't be one, because it is a part of a register. */
static bool put_part(const cs_x86_op *operand, int64_t factor, struct insn_sum *sum, struct insn_part *part)
{
	if (operand->type == X86_OP_IMM) {
		sum->constant += (int64_t)((uint64_t)operand->imm * (uint64_t)factor);
		return true;
	}
	if (operand->type == X86_OP_MEM) {
		part->source = SOURCE_MEMORY;
		return true;
	}
	part->source = SOURCE_REGISTER;
	part->number = (int8_t)number_of(operand->reg);
	return operand->size >= 4 && part->number != NO_REGISTER && part->number < FIRST_VECTOR;
}

/* The linear result of lea: the address itself. */
static bool put_lea(const struct insn_memory *memory, struct insn_sum *sum)
{
	if (memory->unknown_address || memory->thread)
		return false;
	sum->constant = memory->displacement;
	sum->first = (struct insn_part){memory->base != NO_REGISTER ? SOURCE_REGISTER : SOURCE_NONE, memory->base};
	sum->second = (struct insn_part){memory->index != NO_REGISTER ? SOURCE_REGISTER : SOURCE_NONE, memory->index};
	sum->factor = memory->factor;
	return true;
}

/* Fills in the result as a sum. Returns false if the result isn't one. */
static bool put_sum(const cs_x86 *x86, enum x86_result result, const struct insn *insn, struct insn_sum *sum)
{
	const cs_x86_op *operands = x86->operands;
	int64_t factor = 1;

	sum->factor = 1;
	switch (result) {
	case X86_MOVE:
		return put_part(&operands[1], 1, sum, &sum->first);
	case X86_EXTEND:
		/* A register that is a source is only a part of a register. movsxd has a source of four bytes. */
		return operands[1].type == X86_OP_MEM && put_part(&operands[1], 1, sum, &sum->first);
	case X86_LEA:
		return put_lea(&insn->memory[0], sum);
	case X86_ADD:
	case X86_SUB:
		factor = result == X86_SUB ? -1 : 1;
		sum->factor = factor;
		return put_part(&operands[0], 1, sum, &sum->first) && put_part(&operands[1], factor, sum, &sum->second);
	case X86_INC:
	case X86_DEC:
		sum->constant = result == X86_INC ? 1 : -1;
		return put_part(&operands[0], 1, sum, &sum->first);
	case X86_NEG:
		sum->factor = -1;
		return put_part(&operands[0], 1, sum, &sum->second);
	case X86_SHL:
		if (x86->op_count != 2 || operands[1].type != X86_OP_IMM)
			return false;
		sum->factor = (int64_t)1 << (operands[1].imm & (operands[0].size == 8 ? 63 : 31));
		return put_part(&operands[0], 1, sum, &sum->second);
	case X86_IMUL:
		if (x86->op_count != 3 || operands[2].type != X86_OP_IMM)
			return false;
		sum->factor = operands[2].imm;
		return put_part(&operands[1], 1, sum, &sum->second);
	case X86_RDFS:
		sum->first.source = SOURCE_THREAD;
		return true;
	default:
		return false;
	}
}

/* xor r,r and sub r,r make zero from any value. */
static bool is_zeroing(const cs_x86 *x86, enum x86_result result)
{
	return (result == X86_XOR || result == X86_SUB) && x86->op_count == 2 && x86->operands[0].type == X86_OP_REG &&
	       x86->operands[1].type == X86_OP_REG && x86->operands[0].reg == x86->operands[1].reg && x86->operands[0].size >= 4;
}

/* Do both operands name one register, in an instruction whose result then doesn't depend on the register? */
static bool ignores_operands(const cs_insn *decoded)
{
	const cs_x86 *x86 = &decoded->detail->x86;
	unsigned last = x86->op_count - 1u;

	switch (decoded->id) {
	case X86_INS_SBB:
	case X86_INS_PXOR:
	case X86_INS_XORPS:
	case X86_INS_XORPD:
	case X86_INS_VPXOR:
	case X86_INS_VXORPS:
	case X86_INS_VXORPD:
	case X86_INS_PCMPEQB:
	case X86_INS_PCMPEQD:
	case X86_INS_PCMPEQQ:
	case X86_INS_VPCMPEQB:
		return x86->op_count >= 2 && x86->operands[last].type == X86_OP_REG && x86->operands[last - 1].type == X86_OP_REG &&
		       x86->operands[last].reg == x86->operands[last - 1].reg;
	default:
		return false;
	}
}

static void put_result(const cs_x86 *x86, const struct x86_row *row, struct insn *insn)
{
	struct insn_sum sum = {.to = NO_REGISTER};
	int number;

	if (x86->op_count == 0 || x86->operands[0].type != X86_OP_REG || x86->operands[0].size < 4 || insn->unknown)
		return;
	number = number_of(x86->operands[0].reg);
	if (number == NO_REGISTER || number >= FIRST_VECTOR)
		return;
	if (is_zeroing(x86, row->result)) {
		insn->reads &= ~INSN_BIT(number);
		sum.factor = 1;
	} else if (!put_sum(x86, row->result, insn, &sum)) {
		return;
	}
	sum.to = (int8_t)number;
	sum.width = x86->operands[0].size == 8 ? 8 : 4;
	insn->sum = sum;
}

/* The string instructions: the count is in rcx, if there is a prefix. */
static void put_string(const cs_x86 *x86, struct insn *insn)
{
	bool repeated = x86->prefix[0] == X86_PREFIX_REP || x86->prefix[0] == X86_PREFIX_REPNE;

	for (size_t i = 0; i < insn->memories; i++) {
		insn->memory[i].repeated = repeated;
		insn->writes |= INSN_BIT(insn->memory[i].base);
	}
	/* capstone has the target of movs first, but `struct insn` has the load first. */
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

/* push, pop and their like: the operand in memory is the stack's. */
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
		insn->sum = (struct insn_sum){.to = (int8_t)number_of(x86->operands[0].reg), .width = 8,
					      .first = {.source = SOURCE_MEMORY}};
		insn->unknown |= insn->sum.to == RSP;
	}
	if (pushes && x86->op_count == 1 && x86->operands[0].type == X86_OP_REG)
		insn->stored |= insn->reads & ~INSN_BIT(RSP);
}

/* Fills in the kind and the target of a jump, and the interrupts. */
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
	put_kind(x86, row, insn);
	if (ignores_operands(decoded))
		insn->reads = 0;
	if (row->result == X86_STRING)
		put_string(x86, insn);
	else if (row->result == X86_PUSH || row->result == X86_POP || row->result == X86_STACK)
		put_stack(row->result, x86, insn);
	else
		put_result(x86, row, insn);
	/* A bit that a register selects is possibly far from the operand. */
	if (row->result == X86_BIT && insn->memories == 1 && x86->operands[1].type == X86_OP_REG)
		insn->memory[0].unknown_address = true;
}

/* ud1 and ud0 have an operand like other instructions, which capstone leaves to the next instruction. */
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
	if (kind != 3 && form == 4) { /* a byte with index and base */
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
	.stack = RSP,
	.frame = RBP,
	.saved = INSN_BIT(RBX) | INSN_BIT(RBP) | INSN_BIT(12) | INSN_BIT(13) | INSN_BIT(14) | INSN_BIT(15),
	.scratch = INSN_BIT(RAX) | INSN_BIT(RCX) | INSN_BIT(RDX) | INSN_BIT(RSI) | INSN_BIT(RDI) | INSN_BIT(8) | INSN_BIT(9) |
		   INSN_BIT(10) | INSN_BIT(11) | (insn_set)0xffffffff << FIRST_VECTOR,
	.names = names,
	.dwarf = dwarf,
	.convert = convert,
	.trap_size = trap_size,
	.scan = x86_scan,
};
