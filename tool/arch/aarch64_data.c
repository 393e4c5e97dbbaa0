/* SPDX-License-Identifier: MIT */
/*
 * aarch64_data.c - fills in `struct insn` (insn.h) for the instructions of aarch64 that compute with general registers. A
 * result that is a sum is first + second * factor + constant.
 */
#include "aarch64_insn.h"

static uint64_t mask_of(uint32_t word)
{
	return arm_width(word) == 8 ? ~UINT64_C(0) : UINT32_MAX;
}

/* Notes that the instruction writes the register `to`, and begins insn->sum with the sum 0, to which the caller adds parts. */
static struct insn_sum *put_result(uint32_t word, int8_t to, struct insn *insn)
{
	insn->writes = arm_set(to);
	insn->sum = (struct insn_sum){.to = to, .width = arm_width(word), .factor = 1};
	return &insn->sum;
}

/* Discards the sum, because the result isn't a sum. The result derives from everything that the instruction reads. */
static void put_mix(struct insn *insn)
{
	insn->sum = (struct insn_sum){.to = NO_REGISTER};
}

/* Notes that the instruction writes Rd, with a result that is no sum. */
static void put_target(uint32_t word, struct insn *insn)
{
	insn->writes = arm_set(arm_general(word, RD));
}

/* adr, adrp */
static void put_address(uint32_t word, struct insn *insn)
{
	struct insn_sum *sum = put_result(word, arm_general(word, RD), insn);
	int64_t distance = arm_signed(word, 5, 19) * 4 + (int64_t)arm_bits(word, 29, 2);
	bool pages = arm_bits(word, 31, 1) != 0;
	uint64_t from = pages ? insn->address & ~UINT64_C(0xfff) : insn->address;

	sum->width = 8;
	sum->constant = (int64_t)(from + (uint64_t)distance * (pages ? 0x1000 : 1));
}

/* add, adds, sub, subs with a constant. If adds or subs has 31 as Rd, this is the zero register, not the stack pointer. */
static void put_add_constant(uint32_t word, struct insn *insn)
{
	bool sets = arm_bits(word, 29, 1) != 0;
	struct insn_sum *sum = put_result(word, sets ? arm_general(word, RD) : arm_base(word, RD), insn);
	int64_t constant = (int64_t)arm_bits(word, 10, 12) << (arm_bits(word, 22, 1) != 0 ? 12 : 0);

	insn->sets_flags = sets;
	insn->measures = sets && constant != 0;
	insn->reads = arm_set(arm_base(word, RN));
	sum->first = arm_part(arm_base(word, RN));
	sum->constant = arm_bits(word, 30, 1) != 0 ? -constant : constant;
}

/* Adds Rm, shifted to the left by `shift` bits, to the sum, or subtracts it. */
static void put_shifted(uint32_t word, unsigned shift, bool negative, struct insn_sum *sum)
{
	uint64_t factor = UINT64_C(1) << shift;

	sum->second = arm_part(arm_general(word, RM));
	sum->factor = (int64_t)(negative ? -factor : factor);
}

/* add, adds, sub, subs with a shifted register; neg, cmp, cmn. */
static void put_add_shifted(uint32_t word, struct insn *insn)
{
	struct insn_sum *sum = put_result(word, arm_general(word, RD), insn);
	unsigned kind = arm_bits(word, 22, 2), shift = arm_bits(word, 10, 6);
	bool subtracts = arm_bits(word, 30, 1) != 0, same = arm_bits(word, RN, 5) == arm_bits(word, RM, 5);

	insn->sets_flags = arm_bits(word, 29, 1) != 0;
	insn->reads = arm_set(arm_general(word, RN)) | arm_set(arm_general(word, RM));
	insn->unknown = kind == 3 || shift >= 8U * arm_width(word);
	if (insn->unknown || (kind != 0 && shift != 0)) {
		put_mix(insn);
	} else if (subtracts && same && shift == 0 && !insn->sets_flags) {
		insn->reads = 0;
	} else {
		sum->first = arm_part(arm_general(word, RN));
		put_shifted(word, shift, subtracts, sum);
	}
}

/* add, adds, sub, subs with an extended register. If only a part of the register counts, the result is no sum. */
static void put_add_extended(uint32_t word, struct insn *insn)
{
	bool sets = arm_bits(word, 29, 1) != 0;
	struct insn_sum *sum = put_result(word, sets ? arm_general(word, RD) : arm_base(word, RD), insn);
	unsigned extension = arm_bits(word, 13, 3), shift = arm_bits(word, 10, 3);
	bool whole = (extension & 3) == 3 || ((extension & 3) == 2 && arm_width(word) == 4);

	insn->sets_flags = sets;
	insn->reads = arm_set(arm_base(word, RN)) | arm_set(arm_general(word, RM));
	insn->unknown = shift > 4 || arm_bits(word, 22, 2) != 0;
	if (insn->unknown || !whole) {
		put_mix(insn);
	} else {
		sum->first = arm_part(arm_base(word, RN));
		put_shifted(word, shift, arm_bits(word, 30, 1) != 0, sum);
	}
}

/* and, orr, eor, ands with a constant. orr with the zero register makes a constant, but this function doesn't decode it. */
static void put_logical_constant(uint32_t word, struct insn *insn)
{
	insn->sets_flags = arm_bits(word, 29, 2) == 3;
	insn->reads = arm_set(arm_general(word, RN));
	insn->writes = arm_set(insn->sets_flags ? arm_general(word, RD) : arm_base(word, RD));
	insn->toggles = arm_bits(word, 29, 2) == 2;
	insn->measures = insn->sets_flags;
}

/* and, bic, orr, orn, eor, eon, ands, bics with a shifted register. mov and mvn are orr and orn from the zero register. */
static void put_logical_shifted(uint32_t word, struct insn *insn)
{
	struct insn_sum *sum = put_result(word, arm_general(word, RD), insn);
	unsigned operation = arm_bits(word, 29, 2), kind = arm_bits(word, 22, 2), shift = arm_bits(word, 10, 6);
	bool inverts = arm_bits(word, 21, 1) != 0, same = arm_bits(word, RN, 5) == arm_bits(word, RM, 5);

	insn->sets_flags = operation == 3;
	insn->reads = arm_set(arm_general(word, RN)) | arm_set(arm_general(word, RM));
	insn->unknown = shift >= 8U * arm_width(word);
	if (!insn->unknown && operation == 1 && arm_bits(word, RN, 5) == ZERO && (kind == 0 || shift == 0)) {
		put_shifted(word, shift, inverts, sum);
		sum->constant = inverts ? -1 : 0;
	} else if (!insn->unknown && operation == 2 && !inverts && same && shift == 0) {
		insn->reads = 0;
	} else {
		insn->toggles = operation == 2 && !same;
		put_mix(insn);
	}
}

/* movn, movz, movk */
static void put_move_constant(uint32_t word, struct insn *insn)
{
	struct insn_sum *sum = put_result(word, arm_general(word, RD), insn);
	unsigned operation = arm_bits(word, 29, 2), shift = 16 * arm_bits(word, 21, 2);
	uint64_t constant = (uint64_t)arm_bits(word, 5, 16) << shift;

	insn->unknown = operation == 1 || shift >= 8U * arm_width(word);
	sum->constant = (int64_t)((operation == 0 ? ~constant : constant) & mask_of(word));
	if (operation == 3) {
		insn->reads = insn->partly = insn->writes;
		put_mix(insn);
	}
}

/* sbfm, bfm, ubfm. The result is a sum if the instruction is lsl, or moves the whole register or the whole lower half. */
static void put_bitfield(uint32_t word, struct insn *insn)
{
	struct insn_sum *sum = put_result(word, arm_general(word, RD), insn);
	unsigned operation = arm_bits(word, 29, 2), size = 8U * arm_width(word);
	unsigned right = arm_bits(word, 16, 6), last = arm_bits(word, 10, 6);

	insn->reads = arm_set(arm_general(word, RN));
	if (operation == 3 || arm_bits(word, 22, 1) != arm_bits(word, 31, 1) || right >= size || last >= size) {
		insn->unknown = true;
		return;
	}
	if (operation == 1) {
		insn->reads |= insn->writes;
		insn->partly = insn->writes;
	}
	sum->second = arm_part(arm_general(word, RN));
	if (operation == 2 && last + 1 == right)
		sum->factor = (int64_t)(UINT64_C(1) << (size - right));
	else if (operation == 2 && right == 0 && last == 31)
		sum->width = 4;
	else if (operation != 1 && right == 0 && last + 1 == size)
		sum->factor = 1;
	else
		put_mix(insn);
}

/* Instructions that compute Rd from Rn and Rm, such as extr, divisions, shifts, checksums, adc and sbc. */
static void put_two(uint32_t word, struct insn *insn)
{
	insn->reads = arm_set(arm_general(word, RN)) | arm_set(arm_general(word, RM));
	put_target(word, insn);
}

static void put_carry(uint32_t word, struct insn *insn)
{
	put_two(word, insn);
	insn->conditional = true;
	insn->sets_flags = arm_bits(word, 29, 1) != 0;
}

/* Divisions, shifts, checksums, smax and the like; pacga, whose second register can be the stack pointer. */
static void put_two_sources(uint32_t word, struct insn *insn)
{
	unsigned operation = arm_bits(word, 10, 6);

	put_two(word, insn);
	if (operation == 12)
		insn->reads |= INSN_BIT(arm_base(word, RM));
	insn->unknown = operation == 0 || operation == 1 || (operation >= 4 && operation <= 7) ||
			(operation > 12 && operation < 16) || operation > 27 || (operation == 12 && arm_width(word) == 4) ||
			((operation & ~7U) == 16 && (operation & 3) == 3) != ((operation & ~7U) == 16 && arm_width(word) == 8);
}

/* rbit, clz and the like; pacia and the like, which also read Rd, and Rn or the stack pointer. */
static void put_one_source(uint32_t word, struct insn *insn)
{
	unsigned operation = arm_bits(word, 10, 6);
	bool signs = arm_bits(word, 16, 5) == 1, has_modifier = signs && operation < 8;

	put_target(word, insn);
	insn->reads = signs ? insn->writes : arm_set(arm_general(word, RN));
	if (has_modifier)
		insn->reads |= INSN_BIT(arm_base(word, RN));
	insn->unknown = arm_bits(word, 16, 5) > 1 || (!signs && operation > 8) ||
			(!signs && operation == 3 && arm_width(word) == 4) ||
			(signs && (operation > 17 || arm_width(word) == 4 || (!has_modifier && arm_bits(word, RN, 5) != 31)));
}

/* madd, msub, smulh and their like. */
static void put_three_sources(uint32_t word, struct insn *insn)
{
	put_two(word, insn);
	insn->reads |= arm_set(arm_general(word, RA));
}

/* csel, csinc, csinv, csneg */
static void put_select(uint32_t word, struct insn *insn)
{
	put_two(word, insn);
	insn->conditional = true;
}

/* ccmp, ccmn with a register or a constant. */
static void put_compare(uint32_t word, struct insn *insn)
{
	insn->reads = arm_set(arm_general(word, RN));
	if (arm_bits(word, 11, 1) == 0)
		insn->reads |= arm_set(arm_general(word, RM));
	insn->conditional = true;
	insn->sets_flags = true;
	insn->measures = true;
}

/* rmif, setf8, setf16. These instructions don't change all flags, so the new flags also derive from the old ones. */
static void put_flags(uint32_t word, struct insn *insn)
{
	insn->reads = arm_set(arm_general(word, RN));
	insn->conditional = true;
	insn->sets_flags = true;
}

const struct arm_class arm_data[] = {
	{0x1f000000, 0x10000000, put_address, false},
	{0x1f800000, 0x11000000, put_add_constant, false},
	{0x1f200000, 0x0b000000, put_add_shifted, false},
	{0x1f200000, 0x0b200000, put_add_extended, false},
	{0x1f800000, 0x12000000, put_logical_constant, false},
	{0x1f000000, 0x0a000000, put_logical_shifted, false},
	{0x1f800000, 0x12800000, put_move_constant, false},
	{0x1f800000, 0x13000000, put_bitfield, false},
	{0x7fa00000, 0x13800000, put_two /* extr */, false},
	{0x1fe0fc00, 0x1a000000, put_carry, false},
	{0xffe07c10, 0xba000400, put_flags /* rmif */, true},
	{0xffffbc1f, 0x3a00080d, put_flags /* setf8, setf16 */, true},
	{0x3fe00410, 0x3a400000, put_compare, false},
	{0x3fe00800, 0x1a800000, put_select, false},
	{0x7fe00000, 0x1ac00000, put_two_sources, true},
	{0x7fe00000, 0x5ac00000, put_one_source, true},
	{0x7fe00000, 0x1b000000, put_three_sources, false},
	{0xff600000, 0x9b200000, put_three_sources /* smaddl, umaddl and the like */, false},
	{0xff60fc00, 0x9b407c00, put_three_sources /* smulh, umulh */, false},
	{0, 0, NULL, false},
};
