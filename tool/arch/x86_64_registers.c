/* SPDX-License-Identifier: MIT */
/* x86_64_registers.c - the numbers and names of the registers of x86-64. */
#include "x86_64_insn.h"

const char *const x86_names[32] = {
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
};

#define PARTS(whole, half, quarter, byte, number) \
	[X86_REG_##whole] = (number) + 1, [X86_REG_##half] = (number) + 1, [X86_REG_##quarter] = (number) + 1, \
	[X86_REG_##byte] = (number) + 1
#define VECTOR(number) \
	[X86_REG_XMM##number] = FIRST_VECTOR + (number) + 1, [X86_REG_YMM##number] = FIRST_VECTOR + (number) + 1, \
	[X86_REG_ZMM##number] = FIRST_VECTOR + (number) + 1

/* For each register of capstone: its number (insn.h) plus 1, or 0 for a register without a number. */
static const uint8_t numbers[X86_REG_ENDING] = {
	PARTS(RAX, EAX, AX, AL, RAX),
	PARTS(RCX, ECX, CX, CL, RCX),
	PARTS(RDX, EDX, DX, DL, RDX),
	PARTS(RBX, EBX, BX, BL, RBX),
	PARTS(RSP, ESP, SP, SPL, RSP),
	PARTS(RBP, EBP, BP, BPL, RBP),
	PARTS(RSI, ESI, SI, SIL, RSI),
	PARTS(RDI, EDI, DI, DIL, RDI),
	PARTS(R8, R8D, R8W, R8B, 8),
	PARTS(R9, R9D, R9W, R9B, 9),
	PARTS(R10, R10D, R10W, R10B, 10),
	PARTS(R11, R11D, R11W, R11B, 11),
	PARTS(R12, R12D, R12W, R12B, 12),
	PARTS(R13, R13D, R13W, R13B, 13),
	PARTS(R14, R14D, R14W, R14B, 14),
	PARTS(R15, R15D, R15W, R15B, 15),
	[X86_REG_AH] = RAX + 1,
	[X86_REG_CH] = RCX + 1,
	[X86_REG_DH] = RDX + 1,
	[X86_REG_BH] = RBX + 1,
	VECTOR(0),
	VECTOR(1),
	VECTOR(2),
	VECTOR(3),
	VECTOR(4),
	VECTOR(5),
	VECTOR(6),
	VECTOR(7),
	VECTOR(8),
	VECTOR(9),
	VECTOR(10),
	VECTOR(11),
	VECTOR(12),
	VECTOR(13),
	VECTOR(14),
	VECTOR(15),
	VECTOR(16),
	VECTOR(17),
	VECTOR(18),
	VECTOR(19),
	VECTOR(20),
	VECTOR(21),
	VECTOR(22),
	VECTOR(23),
	VECTOR(24),
	VECTOR(25),
	VECTOR(26),
	VECTOR(27),
	VECTOR(28),
	VECTOR(29),
	VECTOR(30),
	VECTOR(31),
};

int x86_number(x86_reg reg)
{
	return (unsigned)reg < X86_REG_ENDING ? (int)numbers[reg] - 1 : NO_REGISTER;
}

int x86_dwarf(int number)
{
	static const uint8_t general[16] = {0, 2, 1, 3, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15};

	return number < 16					      ? general[number]
	       : number >= FIRST_VECTOR && number < FIRST_VECTOR + 16 ? 17 + number - FIRST_VECTOR
								      : -1;
}
