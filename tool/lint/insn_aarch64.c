/* SPDX-License-Identifier: MIT */
/* insn_aarch64.c - the port to aarch64: what its instructions read, write and jump to. */
#include "insn.h"

#include <elf.h>

static const char *const names[32] = {
	"x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",  "x7",  "x8",  "x9",  "x10", "x11", "x12", "x13", "x14", "x15",
	"x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x29", "x30", "sp",
};

static int dwarf(int number)
{
	return number < FIRST_VECTOR ? number : 64 + number - FIRST_VECTOR;
}

static void convert(const cs_insn *decoded, struct insn *insn)
{
	(void)decoded;
	insn->unknown = true;
}

static void scan(const uint8_t *code, size_t size, uint64_t address, const struct insn_wanted *wanted, insn_hit *hit, void *argument)
{
	(void)code;
	(void)size;
	(void)address;
	(void)wanted;
	(void)hit;
	(void)argument;
}

const struct arch arch_aarch64 = {
	.name = "aarch64",
	.machine = EM_AARCH64,
	.engine = CS_ARCH_ARM64,
	.mode = CS_MODE_LITTLE_ENDIAN,
	.longest = 4,
	.step = 4,
	.signature = 0xd428bc00,
	.stack = 31,
	.frame = 29,
	.saved = 0x3ff80000 /* x19 to x29; the low halves of v8 to v15 aren't here */,
	.scratch = 0x4007ffff | (insn_set)0xffffffff << 32 /* x0 to x18, x30; vectors */,
	.names = names,
	.dwarf = dwarf,
	.convert = convert,
	.scan = scan,
};
