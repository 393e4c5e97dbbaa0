/* SPDX-License-Identifier: MIT */
/*
 * aarch64_memory.c - fills in `struct insn` (insn.h) for the loads and stores of aarch64.
 *
 * Accesses with acquire or release order are treated like plain accesses, because no rule of `rseqkit lint` depends on the order.
 */
#include "aarch64_insn.h"

/* Adds a memory operand with the base register Rn. */
static struct insn_memory *put_operand(uint32_t word, enum insn_access access, unsigned width, struct insn *insn)
{
	struct insn_memory *memory = &insn->memory[insn->memories++];

	memory->access = access;
	memory->width = width;
	memory->base = arm_base(word, RN);
	insn->reads |= INSN_BIT(memory->base);
	return memory;
}

/* Notes that the instruction adds `step` to the base register, before or after the access. */
static void put_step(int64_t step, bool before, struct insn *insn)
{
	struct insn_memory *memory = &insn->memory[0];

	memory->step = step;
	memory->displacement = before ? step : 0;
	insn->writes |= INSN_BIT(memory->base);
}

/* Notes that the instruction loads into the register. The result is a sum: the loaded value, in `width` bytes. */
static void put_loaded(int8_t number, uint8_t width, struct insn *insn)
{
	insn->writes |= arm_set(number);
	if (number != NO_REGISTER && number < FIRST_VECTOR)
		insn->sum = (struct insn_sum){.to = number, .width = width, .first = {.source = SOURCE_MEMORY}, .factor = 1};
}

/* Notes that the instruction stores the register's value; NO_REGISTER is the zero register. */
static void put_stored(int8_t number, struct insn *insn)
{
	insn->reads |= arm_set(number);
	insn->stored |= arm_set(number);
	insn->stores_constant = number == NO_REGISTER;
}

/* A load or store of one register, by the fields size, V and opc. */
struct transfer {
	enum insn_access access;
	unsigned width;  /* bytes in memory */
	uint8_t result;  /* if it loads: bytes of the register that get a value */
	int8_t number;   /* the register */
};

/* Reads the fields that all forms share: size, V and opc. Returns false if there is no such instruction. */
static bool read_transfer(uint32_t word, struct transfer *transfer)
{
	unsigned size = arm_bits(word, 30, 2), operation = arm_bits(word, 22, 2);
	bool vector = arm_bits(word, 26, 1) != 0;

	if (vector && operation >= 2 && size != 0)
		return false;
	if (!vector && size == 3 && operation == 2) { /* prfm */
		*transfer = (struct transfer){ACCESS_NONE, 0, 0, NO_REGISTER};
		return true;
	}
	if (!vector && operation == 3 && size >= 2)
		return false;
	transfer->access = operation == 0 || (vector && operation == 2) ? ACCESS_STORE : ACCESS_LOAD;
	transfer->width = vector && operation >= 2 ? 16 : 1U << size;
	transfer->result = size == 3 || operation == 2 ? 8 : 4;
	transfer->number = vector ? arm_vector(word, RT) : arm_general(word, RT);
	return true;
}

static struct insn_memory *put_transfer(uint32_t word, const struct transfer *transfer, struct insn *insn)
{
	struct insn_memory *memory = put_operand(word, transfer->access, transfer->width, insn);

	if (transfer->access == ACCESS_STORE)
		put_stored(transfer->number, insn);
	else if (transfer->access == ACCESS_LOAD)
		put_loaded(transfer->number, transfer->result, insn);
	return memory;
}

/* ldr, str, prfm and their like with a positive displacement, in units of the width. */
static void put_scaled(uint32_t word, struct insn *insn)
{
	struct transfer transfer;
	unsigned scale = arm_bits(word, 30, 2);

	if (!read_transfer(word, &transfer)) {
		insn->unknown = true;
		return;
	}
	if (transfer.width == 16)
		scale = 4;
	put_transfer(word, &transfer, insn)->displacement = (int64_t)arm_bits(word, 10, 12) << scale;
}

/* ldur, stur, ldtr, sttr and their like; ldr and str that change the base. */
static void put_unscaled(uint32_t word, struct insn *insn)
{
	struct transfer transfer;
	unsigned form = arm_bits(word, 10, 2);
	int64_t distance = arm_signed(word, 12, 9);

	if (!read_transfer(word, &transfer) || (form != 0 && transfer.access == ACCESS_NONE) ||
	    (form == 2 && transfer.number >= FIRST_VECTOR) || ((form & 1) != 0 && transfer.number == arm_base(word, RN))) {
		insn->unknown = true;
		return;
	}
	put_transfer(word, &transfer, insn)->displacement = distance;
	if ((form & 1) != 0)
		put_step(distance, form == 3, insn);
}

/* ldr, str, prfm and their like with an index. struct insn_memory can't express an index of 32 bits. */
static void put_indexed(uint32_t word, struct insn *insn)
{
	struct transfer transfer;
	struct insn_memory *memory;
	unsigned extension = arm_bits(word, 13, 3), scale = arm_bits(word, 30, 2);

	if (!read_transfer(word, &transfer) || (extension & 2) == 0) {
		insn->unknown = true;
		return;
	}
	if (transfer.width == 16)
		scale = 4;
	memory = put_transfer(word, &transfer, insn);
	memory->index = arm_general(word, RM);
	memory->factor = memory->index == NO_REGISTER ? 0 : arm_bits(word, 12, 1) != 0 ? INT64_C(1) << scale : 1;
	memory->unknown_address = (extension & 1) == 0;
	insn->reads |= arm_set(memory->index);
}

/* ldr, ldrsw and prfm relative to the instruction. */
static void put_literal(uint32_t word, struct insn *insn)
{
	struct insn_memory *memory = &insn->memory[0];
	unsigned operation = arm_bits(word, 30, 2);
	bool vector = arm_bits(word, 26, 1) != 0, hint = !vector && operation == 3;

	insn->unknown = vector && operation == 3;
	insn->memories = 1;
	memory->access = hint ? ACCESS_NONE : ACCESS_LOAD;
	memory->width = hint ? 0 : vector ? 4U << operation : operation == 1 ? 8 : 4;
	memory->displacement = (int64_t)(insn->address + (uint64_t)(arm_signed(word, 5, 19) * 4));
	if (!hint)
		put_loaded(vector ? arm_vector(word, RT) : arm_general(word, RT), operation == 0 ? 4 : 8, insn);
}

/*
 * Notes that the instruction loads into two registers, or stores two registers. Two loaded values are no sum. If one of them
 * replaces the base register, a second execution has another address.
 */
static void put_two(int8_t first, int8_t second, bool loads, struct insn *insn)
{
	if (loads) {
		insn->writes |= arm_set(first) | arm_set(second);
		insn->toggles = true;
		return;
	}
	put_stored(first, insn);
	put_stored(second, insn);
	insn->stores_constant = first == NO_REGISTER && second == NO_REGISTER;
}

/* ldp, stp, ldnp, stnp, ldpsw. Both registers together are one operand. */
static void put_pair(uint32_t word, struct insn *insn)
{
	unsigned operation = arm_bits(word, 30, 2), form = arm_bits(word, 23, 2);
	bool vector = arm_bits(word, 26, 1) != 0, loads = arm_bits(word, 22, 1) != 0, extends = !vector && operation == 1;
	int8_t first = vector ? arm_vector(word, RT) : arm_general(word, RT);
	int8_t second = vector ? arm_vector(word, RT2) : arm_general(word, RT2), base = arm_base(word, RN);
	unsigned width = vector ? 4U << operation : operation == 2 ? 8 : 4;
	int64_t distance = arm_signed(word, 15, 7) * (int64_t)width;

	if (operation == 3 || (extends && (!loads || form == 0)) || (loads && first == second && first != NO_REGISTER) ||
	    ((form & 1) != 0 && (first == base || second == base))) {
		insn->unknown = true;
		return;
	}
	put_operand(word, loads ? ACCESS_LOAD : ACCESS_STORE, 2 * width, insn)->displacement = distance;
	put_two(first, second, loads, insn);
	if ((form & 1) != 0)
		put_step(distance, form == 3, insn);
}

/* Exclusive loads and stores. A store also writes its success or failure to the register Rs. */
static void put_exclusive(uint32_t word, struct insn *insn)
{
	unsigned width = 1U << arm_bits(word, 30, 2);
	bool loads = arm_bits(word, 22, 1) != 0, pair = arm_bits(word, 21, 1) != 0;
	int8_t first = arm_general(word, RT), second = arm_general(word, RT2), status = arm_general(word, RS);
	struct insn_memory *memory = put_operand(word, loads ? ACCESS_LOAD : ACCESS_STORE, pair ? 2 * width : width, insn);

	if (pair)
		put_two(first, second, loads, insn);
	else if (loads)
		put_loaded(first, width == 8 ? 8 : 4, insn);
	else
		put_stored(first, insn);
	if (!loads) {
		memory->maybe = memory->atomic = true;
		insn->writes |= arm_set(status);
		insn->unknown =
		status != NO_REGISTER && (status == first || (pair && status == second) || status == memory->base);
	} else {
		insn->unknown = pair && first == second && first != NO_REGISTER;
	}
}

/* ldar, stlr, ldlar, stllr and ldapr. Bit 29 is 1 in ldapr, and 0 in the others. */
static void put_ordered(uint32_t word, struct insn *insn)
{
	unsigned width = 1U << arm_bits(word, 30, 2);
	bool loads = arm_bits(word, 22, 1) != 0 || arm_bits(word, 29, 1) != 0;

	put_operand(word, loads ? ACCESS_LOAD : ACCESS_STORE, width, insn);
	if (loads)
		put_loaded(arm_general(word, RT), width == 8 ? 8 : 4, insn);
	else
		put_stored(arm_general(word, RT), insn);
}

/* ldapur, stlur and their like. Sizes and signs are encoded as in other loads. */
static void put_ordered_unscaled(uint32_t word, struct insn *insn)
{
	struct transfer transfer;

	insn->unknown = !read_transfer(word, &transfer) || transfer.access == ACCESS_NONE;
	if (!insn->unknown)
		put_transfer(word, &transfer, insn)->displacement = arm_signed(word, 12, 9);
}

/* cas, casp: Rs is compared, and then has the old value. Rt is stored. */
static void put_compare_swap(uint32_t word, struct insn *insn)
{
	bool pair = arm_bits(word, 23, 1) == 0;
	unsigned width = pair ? 8U << arm_bits(word, 30, 1) : 1U << arm_bits(word, 30, 2);
	int8_t compared = arm_general(word, RS), stored = arm_general(word, RT);
	insn_set set = arm_set(compared);
	struct insn_memory *memory = put_operand(word, ACCESS_UPDATE, width, insn);

	memory->maybe = memory->atomic = true;
	if (pair) {
		insn->unknown = (arm_bits(word, RS, 5) & 1) != 0 || (arm_bits(word, RT, 5) & 1) != 0;
		set |= arm_set(arm_general(word + (UINT32_C(1) << RS), RS));
		put_two(stored, arm_general(word | 1, RT), false, insn);
	} else {
		put_stored(stored, insn);
	}
	insn->stores_constant = false;
	insn->reads |= set;
	insn->writes |= set;
}

/* ldadd and its like, swp: Rs is the operand, Rt has the old value. */
static void put_atomic(uint32_t word, struct insn *insn)
{
	unsigned operation = arm_bits(word, 12, 4); /* ldadd, ldclr, ldeor, ldset, four of ldsmax and its like, swp */
	struct insn_memory *memory = put_operand(word, ACCESS_UPDATE, 1U << arm_bits(word, 30, 2), insn);

	insn->unknown = operation > 8;
	memory->atomic = true;
	/* With the same operand, only additions and exclusive ors change the memory again at a second execution. */
	memory->again = operation != 0 && operation != 2;
	/* If Rt is also Rs or Rn, the old value replaces the operand or the address. */
	insn->toggles = true;
	memory->exchange = operation == 8;
	insn->stored = arm_set(arm_general(word, RS));
	insn->reads |= insn->stored;
	insn->writes |= arm_set(arm_general(word, RT));
}

/* ld1 to ld4 and st1 to st4 that load or store whole vector registers. */
static void put_structures(uint32_t word, struct insn *insn)
{
	static const uint8_t counts[16] = {[0] = 4, [2] = 4, [4] = 3, [6] = 3, [7] = 1, [8] = 2, [10] = 2};
	unsigned count = counts[arm_bits(word, 12, 4)], width = count * (arm_bits(word, 30, 1) != 0 ? 16 : 8);
	bool loads = arm_bits(word, 22, 1) != 0, steps = arm_bits(word, 23, 1) != 0;
	insn_set set = 0;

	for (unsigned i = 0; i < count; i++)
		set |= INSN_BIT(FIRST_VECTOR + ((arm_bits(word, RT, 5) + i) & 31));
	insn->unknown = count == 0 || (steps && arm_bits(word, RM, 5) != 31) || (!steps && arm_bits(word, RM, 5) != 0);
	put_operand(word, loads ? ACCESS_LOAD : ACCESS_STORE, width, insn);
	if (loads)
		insn->writes |= set;
	else
		insn->stored = set;
	insn->reads |= insn->stored;
	if (steps)
		put_step(width, false, insn);
}

/*
 * cpyp, cpym, cpye, setp, setm, sete and the like: the prologue, main part and epilogue of a copy or fill. They change the
 * registers of the addresses and of the size. After the prologue it isn't known which addresses remain. The prologue sets the
 * flags only for the other two instructions, so the program doesn't test them.
 */
static void put_block(uint32_t word, struct insn *insn)
{
	unsigned operation = arm_bits(word, 22, 2), stage = operation == 3 ? arm_bits(word, 14, 2) : operation;
	int8_t to = arm_base(word, RD), from = arm_general(word, RS), count = arm_base(word, RN);
	bool fills = operation == 3;
	insn_set changed = arm_set(to) | arm_set(count) | (fills ? 0 : arm_set(from));

	insn->unknown = stage == 3 || to == ZERO || count == ZERO || (!fills && from == NO_REGISTER) || to == count ||
			to == from ||
			from == count || (fills && arm_bits(word, 26, 1) != 0);
	insn->reads = changed | arm_set(from);
	insn->writes = changed;
	insn->memories = fills ? 1 : 2;
	insn->memory[0].access = ACCESS_LOAD;
	insn->memory[0].base = from;
	insn->memory[fills ? 0 : 1].access = ACCESS_STORE;
	insn->memory[fills ? 0 : 1].base = to;
	for (size_t i = 0; i < insn->memories; i++) {
		insn->memory[i].width = 1;
		insn->memory[i].repeated = true;
		insn->memory[i].unknown_address = stage != 0;
	}
	if (fills)
		insn->stored = arm_set(from);
	insn->stores_constant = fills && from == NO_REGISTER;
	insn->sets_flags = stage == 0;
}

const struct arm_class arm_memory[] = {
	{0x3b000000, 0x39000000, put_scaled, false},
	{0x3b200000, 0x38000000, put_unscaled, false},
	{0x3b200c00, 0x38200800, put_indexed, false},
	{0x3b000000, 0x18000000, put_literal, false},
	{0x3a000000, 0x28000000, put_pair, false},
	{0x3fa00000, 0x08000000, put_exclusive, false},
	{0xbfa00000, 0x88200000, put_exclusive /* two registers */, false},
	{0x3fa00000, 0x08800000, put_ordered, true},
	{0x3f200c00, 0x19000000, put_ordered_unscaled, true},
	{0x3ffffc00, 0x38bfc000, put_ordered /* ldapr */, true},
	{0x3fa07c00, 0x08a07c00, put_compare_swap, true},
	{0xbfa07c00, 0x08207c00, put_compare_swap /* two registers */, true},
	{0x3f200c00, 0x38200000, put_atomic, true},
	{0xbfbf0000, 0x0c000000, put_structures, false},
	{0xbfa00000, 0x0c800000, put_structures, false},
	{0xfb200c00, 0x19000400, put_block, true},
	{0, 0, NULL, false},
};
