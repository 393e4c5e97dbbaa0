/* SPDX-License-Identifier: MIT */
/*
 * aarch64_insn.c - the port to aarch64: finds an instruction's class, and fills in `struct insn` (insn.h) for jumps and system
 * instructions.
 *
 * The port reads the fields of the instruction word, by the classes of the Arm architecture reference manual (part C4). It uses
 * capstone only to know which words are instructions. capstone 4.0 lacks newer instructions, whose classes have `newer`. The
 * invariant: an instruction is `unknown` if it fits no class, or if a field has a value that its class doesn't describe.
 */
#include "aarch64_insn.h"

#include <elf.h>
#include <string.h>

static const char *const names[32] = {
	"x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",  "x7",  "x8",  "x9",  "x10", "x11", "x12", "x13", "x14", "x15",
	"x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x29", "x30", "sp",
};

static int dwarf(int number)
{
	return number < FIRST_VECTOR ? number : 64 + number - FIRST_VECTOR;
}

static uint64_t target_of(uint32_t word, const struct insn *insn, unsigned low, unsigned count)
{
	return insn->address + (uint64_t)(arm_signed(word, low, count) * 4);
}

/* b, bl */
static void put_jump(uint32_t word, struct insn *insn)
{
	bool links = arm_bits(word, 31, 1) != 0;

	insn->kind = links ? INSN_CALL : INSN_JUMP;
	insn->writes = links ? INSN_BIT(LINK) : 0;
	insn->target = target_of(word, insn, 0, 26);
}

/* b.cond, bc.cond. The conditions 14 and 15 always hold. */
static void put_branch(uint32_t word, struct insn *insn)
{
	bool always = arm_bits(word, 1, 3) == 7;

	insn->kind = always ? INSN_JUMP : INSN_BRANCH;
	insn->conditional = !always;
	insn->target = target_of(word, insn, 5, 19);
}

/* cbz, cbnz. With the zero register, cbz always jumps, but no compiler makes such a branch. */
static void put_compare_branch(uint32_t word, struct insn *insn)
{
	insn->kind = INSN_BRANCH;
	insn->reads = arm_set(arm_general(word, RT));
	insn->target = target_of(word, insn, 5, 19);
}

/* tbz, tbnz */
static void put_test_branch(uint32_t word, struct insn *insn)
{
	insn->kind = INSN_BRANCH;
	insn->reads = arm_set(arm_general(word, RT));
	insn->measures = arm_bits(word, 19, 5) != 31; /* a test of bit 31 or 63 is a test of the sign */
	insn->target = target_of(word, insn, 5, 14);
}

/* br, blr, ret, and their forms that authenticate the address with zero, sp or a register as the modifier. */
static void put_indirect(uint32_t word, struct insn *insn)
{
	unsigned operation = arm_bits(word, 21, 4), authenticates = arm_bits(word, 10, 6), last = arm_bits(word, 0, 5);
	bool is_return = (operation & 7) == 2, by_register = (operation & 8) != 0;

	if ((operation & 7) > 2 || (authenticates != 0 && authenticates != 2 && authenticates != 3) ||
	    (authenticates == 0 && (by_register || last != 0)) || (authenticates != 0 && !by_register && last != 31) ||
	    (is_return && authenticates != 0 && (by_register || arm_bits(word, RN, 5) != 31))) {
		insn->unknown = true;
		return;
	}
	insn->kind = (operation & 7) == 1 ? INSN_CALL : INSN_INDIRECT;
	insn->writes = insn->kind == INSN_CALL ? INSN_BIT(LINK) : 0;
	insn->reads = is_return && authenticates != 0 ? INSN_BIT(LINK) | INSN_BIT(STACK) : arm_set(arm_general(word, RN));
	if (by_register)
		insn->reads |= INSN_BIT(last);
}

/* svc, hvc and smc enter a higher exception level; brk and hlt are traps. */
static void put_exception(uint32_t word, struct insn *insn)
{
	unsigned operation = arm_bits(word, 21, 3), level = arm_bits(word, 0, 5);

	insn->kind = operation == 0 ? INSN_SYSTEM_CALL : INSN_TRAP;
	insn->unknown = !(operation == 0 && level >= 1 && level <= 3) && !((operation == 1 || operation == 2) && level == 0);
}

static void put_undefined(uint32_t word, struct insn *insn)
{
	(void)word;
	insn->kind = INSN_TRAP;
}

/* Hints: some use no registers, and some sign, check or strip an address. */
static void put_hint(uint32_t word, struct insn *insn)
{
	static const insn_set fixed = INSN_BIT(16) | INSN_BIT(17);
	unsigned hint = arm_bits(word, 5, 7);

	switch (hint) {
	case 0: case 1: case 2: case 3: case 4: case 5: case 6: /* nop, yield, wfe, wfi, sev, sevl, dgh */
	case 16: case 17: case 18: case 19: case 20: case 22:   /* esb, psb, tsb, gcsb, csdb, clrbhb */
	case 32: case 34: case 36: case 38:                     /* bti */
		break;
	case 8: case 10: case 12: case 14: /* pacia1716 and its like */
		insn->reads = fixed;
		insn->writes = INSN_BIT(17);
		break;
	case 7: case 24: case 26: case 28: case 30: /* xpaclri, paciaz and its like */
		insn->reads = insn->writes = INSN_BIT(LINK);
		break;
	case 25: case 27: case 29: case 31: /* paciasp and its like */
		insn->reads = INSN_BIT(LINK) | INSN_BIT(STACK);
		insn->writes = INSN_BIT(LINK);
		break;
	default:
		insn->unknown = true;
	}
}

/* dsb, dmb, isb, sb, clrex */
static void put_barrier(uint32_t word, struct insn *insn)
{
	unsigned operation = arm_bits(word, 5, 3);

	insn->unknown = operation < 2 || operation == 3 || (operation == 7 && arm_bits(word, 8, 4) != 0);
}

/* cfinv, xaflag, axflag */
static void put_flags(uint32_t word, struct insn *insn)
{
	insn->conditional = true;
	insn->sets_flags = true;
	insn->unknown = arm_bits(word, 5, 2) == 3;
}

/* Numbers of system registers in mrs and msr, from bit 5 on. */
enum { TPIDR_EL0 = 0x5e82, NZCV = 0x5a10, FPCR = 0x5a20, FPSR = 0x5a21, RNDR = 0x5920, RNDRRS = 0x5921 };

/* mrs */
static void put_system_read(uint32_t word, struct insn *insn)
{
	unsigned number = arm_bits(word, 5, 15);
	int8_t to = arm_general(word, RT);

	insn->writes = arm_set(to);
	insn->conditional = number == NZCV;
	insn->sets_flags = number == RNDR || number == RNDRRS;
	if (number == TPIDR_EL0)
		insn->sum = (struct insn_sum){.to = to, .width = 8, .first = {.source = SOURCE_THREAD}, .factor = 1};
}

/* msr to NZCV, FPCR or FPSR. With another system register the instruction is unknown. */
static void put_system_write(uint32_t word, struct insn *insn)
{
	unsigned number = arm_bits(word, 5, 15);

	insn->reads = arm_set(arm_general(word, RT));
	insn->sets_flags = number == NZCV;
	insn->unknown = number != NZCV && number != FPCR && number != FPSR;
}

const struct arm_class arm_control[] = {
	{0x7c000000, 0x14000000, put_jump, false},
	{0xff000000, 0x54000000, put_branch, true},
	{0x7e000000, 0x34000000, put_compare_branch, false},
	{0x7e000000, 0x36000000, put_test_branch, false},
	{0xfe1f0000, 0xd61f0000, put_indirect, true},
	{0xff00001c, 0xd4000000, put_exception, false},
	{0xffff0000, 0x00000000, put_undefined, true},
	{0xfffff01f, 0xd503201f, put_hint, true},
	{0xfffff01f, 0xd503301f, put_barrier, true},
	{0xffffff9f, 0xd500401f, put_flags, true},
	{0xfff00000, 0xd5300000, put_system_read, true},
	{0xfff00000, 0xd5100000, put_system_write, true},
	{0, 0, NULL, false},
};

/* Fills in the instruction. `is_known` says whether capstone knows the word as an instruction. */
static void convert_word(uint32_t word, bool is_known, struct insn *insn)
{
	static const struct arm_class *const lists[] = {arm_data, arm_memory, arm_control, arm_vectors};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (const struct arm_class *class = lists[i]; class->put != NULL; class++)
			if ((word & class->mask) == class->value && (is_known || class->newer)) {
				class->put(word, insn);
				return;
			}
	insn->unknown = true;
}

static uint32_t word_at(const uint8_t *code)
{
	return code[0] | (uint32_t)code[1] << 8 | (uint32_t)code[2] << 16 | (uint32_t)code[3] << 24;
}

static void convert(const cs_insn *decoded, struct insn *insn)
{
	convert_word(word_at(decoded->bytes), true, insn);
}

/* Every instruction has four bytes, so decoding can go on even after an unknown one. */
static bool convert_undecoded(const uint8_t *code, size_t size, struct insn *insn)
{
	if (size < 4)
		return false;
	insn->size = 4;
	convert_word(word_at(code), false, insn);
	return true;
}

const struct arch arch_aarch64 = {
	.name = "aarch64",
	.machine = EM_AARCH64,
	.engine = CS_ARCH_ARM64,
	.mode = CS_MODE_LITTLE_ENDIAN,
	.longest = 4,
	.step = 4,
	.signature = 0xd428bc00,
	.relative = R_AARCH64_RELATIVE,
	.absolute = R_AARCH64_ABS64,
	.global = R_AARCH64_GLOB_DAT,
	.offset = R_AARCH64_TLS_TPREL,
	.tls_precedes = false,
	.relocate = arm_relocate,
	.undefined_rule = -1,
	.stack = STACK,
	.frame = 29,
	.saved = 0x3ff80000 | (insn_set)0xff00 << FIRST_VECTOR /* x19 to x29; the low halves of v8 to v15 */,
	.scratch = 0x4007ffff | (insn_set)0xffffffff << FIRST_VECTOR /* x0 to x18, x30; vectors */,
	.names = names,
	.dwarf = dwarf,
	.convert = convert,
	.convert_undecoded = convert_undecoded,
	.scan = arm_scan,
};
