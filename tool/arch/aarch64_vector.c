/* SPDX-License-Identifier: MIT */
/*
 * aarch64_vector.c - fills in `struct insn` (insn.h) for common instructions of aarch64 that compute with vector registers.
 *
 * Values in vector registers are never sums, so only the registers that an instruction reads and writes are filled in.
 */
#include "aarch64_insn.h"

/* Instructions that compute Rd from Rn, both vector registers. */
static void put_one(uint32_t word, struct insn *insn)
{
	insn->reads = INSN_BIT(arm_vector(word, RN));
	insn->writes = INSN_BIT(arm_vector(word, RD));
}

static void put_two(uint32_t word, struct insn *insn)
{
	put_one(word, insn);
	insn->reads |= INSN_BIT(arm_vector(word, RM));
}

static void put_three(uint32_t word, struct insn *insn)
{
	put_two(word, insn);
	insn->reads |= INSN_BIT(arm_vector(word, RA));
}

/* Notes that the new value of Rd also depends on its old value; with `partly`, a part of the old value stays. */
static void put_kept(struct insn *insn, bool partly)
{
	insn->reads |= insn->writes;
	insn->partly = partly ? insn->writes : 0;
}

/* fcvtzs, scvtf, fmov and the like, between a general register and a vector register. */
static void put_convert(uint32_t word, struct insn *insn)
{
	unsigned operation = arm_bits(word, 16, 3), rounding = arm_bits(word, 19, 2);
	bool to_vector = operation == 2 || operation == 3 || operation == 7;
	bool upper = operation >= 6 && rounding == 1;

	insn->reads = to_vector ? arm_set(arm_general(word, RN)) : INSN_BIT(arm_vector(word, RN));
	insn->writes = to_vector ? INSN_BIT(arm_vector(word, RD)) : arm_set(arm_general(word, RD));
	if (to_vector && upper)
		put_kept(insn, true);
	insn->sets_flags = operation == 6 && rounding == 3; /* fjcvtzs */
}

/* fcmp, fcmpe; some compare with zero. */
static void put_compare(uint32_t word, struct insn *insn)
{
	insn->reads = INSN_BIT(arm_vector(word, RN));
	if (arm_bits(word, 3, 1) == 0)
		insn->reads |= INSN_BIT(arm_vector(word, RM));
	insn->sets_flags = true;
}

/* fccmp, fccmpe */
static void put_compare_if(uint32_t word, struct insn *insn)
{
	insn->reads = INSN_BIT(arm_vector(word, RN)) | INSN_BIT(arm_vector(word, RM));
	insn->sets_flags = true;
	insn->conditional = true;
}

/* fcsel */
static void put_select(uint32_t word, struct insn *insn)
{
	put_two(word, insn);
	insn->conditional = true;
}

/* fmov with a constant. */
static void put_constant(uint32_t word, struct insn *insn)
{
	insn->writes = INSN_BIT(arm_vector(word, RD));
}

/* movi, mvni, fmov; orr and bic with a constant change the old value. */
static void put_constants(uint32_t word, struct insn *insn)
{
	unsigned mode = arm_bits(word, 12, 4);

	put_constant(word, insn);
	if ((mode & 1) != 0 && mode < 12)
		put_kept(insn, false);
}

/* dup, ins, smov, umov */
static void put_copy(uint32_t word, struct insn *insn)
{
	unsigned operation = arm_bits(word, 11, 4);
	bool inserts_element = arm_bits(word, 29, 1) != 0, from_general = !inserts_element && (operation == 1 || operation == 3);
	bool to_general = !inserts_element && (operation == 5 || operation == 7);

	insn->unknown = !inserts_element && operation != 0 && operation != 1 && operation != 3 && !to_general;
	insn->reads = from_general ? arm_set(arm_general(word, RN)) : INSN_BIT(arm_vector(word, RN));
	insn->writes = to_general ? arm_set(arm_general(word, RD)) : INSN_BIT(arm_vector(word, RD));
	if (inserts_element || operation == 3)
		put_kept(insn, true);
}

/* Instructions with two vectors of the same shape. Those that accumulate, or select by Rd, read Rd. */
static void put_same(uint32_t word, struct insn *insn)
{
	unsigned operation = arm_bits(word, 11, 5), size = arm_bits(word, 22, 2);
	bool second = arm_bits(word, 29, 1) != 0;
	bool clears = operation == 3 && second && size == 0 && arm_bits(word, RN, 5) == arm_bits(word, RM, 5); /* eor v,v,v */

	put_two(word, insn);
	if (operation == 15 || operation == 18 || operation == 25 || operation == 29 || (operation == 3 && second && size != 0))
		put_kept(insn, false);
	insn->unknown = operation == 29 && second; /* facge and the like don't accumulate, and are rare */
	if (clears)
		insn->reads = 0;
}

/* not, cnt, rev and the like. The forms that write only the upper half, and those that accumulate, read Rd. */
static void put_other(uint32_t word, struct insn *insn)
{
	unsigned operation = arm_bits(word, 12, 5);
	bool upper = arm_bits(word, 30, 1) != 0;

	put_one(word, insn);
	if (operation == 3 || operation == 6 || (upper && (operation == 18 || operation == 20 || operation == 22)))
		put_kept(insn, upper);
}

/* Shifts by a constant. */
static void put_shift(uint32_t word, struct insn *insn)
{
	unsigned operation = arm_bits(word, 11, 5);
	bool upper = arm_bits(word, 30, 1) != 0, second = arm_bits(word, 29, 1) != 0;

	put_one(word, insn);
	insn->unknown = arm_bits(word, 19, 4) == 0;
	if (operation == 2 || operation == 6 || (second && (operation == 8 || operation == 10)) ||
	    (upper && operation >= 16 && operation <= 19))
		put_kept(insn, true);
}

const struct arm_class arm_vectors[] = {
	{0x7f20fc00, 0x1e200000, put_convert, false},
	{0xff20fc07, 0x1e202000, put_compare, false},
	{0xff201fe0, 0x1e201000, put_constant, false},
	{0xff207c00, 0x1e204000, put_one /* fmov, fabs, fcvt and their like */, false},
	{0xff200c00, 0x1e200400, put_compare_if, false},
	{0xff200c00, 0x1e200800, put_two, false},
	{0xff200c00, 0x1e200c00, put_select, false},
	{0xff000000, 0x1f000000, put_three, false},
	{0x9fe08400, 0x0e000400, put_copy, false},
	{0xffe0fc00, 0x5e000400, put_one /* dup of an element */, false},
	{0x9ff80400, 0x0f000400, put_constants, false},
	{0x9f200400, 0x0e200400, put_same, false},
	{0x9f3e0c00, 0x0e200800, put_other, false},
	{0x9f3e0c00, 0x0e300800, put_one /* addv, umaxv and their like */, false},
	{0xbf208c00, 0x0e000800, put_two /* uzp, trn, zip */, false},
	{0xbfe08400, 0x2e000000, put_two /* ext */, false},
	{0xbfe0fc00, 0x0e000000, put_two /* tbl of one register */, false},
	{0x9f800400, 0x0f000400, put_shift, false},
	{0, 0, NULL, false},
};
