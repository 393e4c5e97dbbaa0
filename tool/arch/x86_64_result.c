/* SPDX-License-Identifier: MIT */
/*
 * x86_64_result.c - finds the instructions of x86-64 whose results are sums (struct insn_sum of insn.h), and fills in these
 * sums.
 */
#include "x86_64_insn.h"

/*
 * Adds an operand to a sum. Adds `factor` times a constant to sum->constant. For a register or memory, fills in *part; the caller
 * sets sum->factor. Returns false if the operand can't be in a sum, for example if it's a part of a register.
 */
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
	part->number = (int8_t)x86_number(operand->reg);
	return operand->size >= 4 && part->number != NO_REGISTER && part->number < FIRST_VECTOR;
}

/* Fills in the result of lea, which is the address of its operand. */
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

/* Fills in the result as a sum. Returns false if the result isn't a sum. */
static bool put_sum(const cs_x86 *x86, enum x86_result result, const struct insn *insn, struct insn_sum *sum)
{
	const cs_x86_op *operands = x86->operands;
	int64_t factor = 1;

	sum->factor = 1;
	switch (result) {
	case X86_MOVE:
		return put_part(&operands[1], 1, sum, &sum->first);
	case X86_EXTEND:
		/* If the source is a register, only a part of it counts, and a sum can't express this. */
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
		sum->factor = (int64_t)(UINT64_C(1) << (operands[1].imm & (operands[0].size == 8 ? 63 : 31)));
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

/* Is the instruction xor r,r or sub r,r, whose result is always 0? */
static bool is_zeroing(const cs_x86 *x86, enum x86_result result)
{
	return (result == X86_XOR || result == X86_SUB) && x86->op_count == 2 && x86->operands[0].type == X86_OP_REG &&
	       x86->operands[1].type == X86_OP_REG && x86->operands[0].reg == x86->operands[1].reg &&
	       x86->operands[0].size >= 4;
}

bool x86_ignores_operands(const cs_insn *decoded)
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
		return x86->op_count >= 2 && x86->operands[last].type == X86_OP_REG &&
		       x86->operands[last - 1].type == X86_OP_REG && x86->operands[last].reg == x86->operands[last - 1].reg;
	default:
		return false;
	}
}

void x86_put_result(const cs_x86 *x86, const struct x86_row *row, struct insn *insn)
{
	struct insn_sum sum = {.to = NO_REGISTER};
	int number;

	if (x86->op_count == 0 || x86->operands[0].type != X86_OP_REG || x86->operands[0].size < 4 || insn->unknown)
		return;
	number = x86_number(x86->operands[0].reg);
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
