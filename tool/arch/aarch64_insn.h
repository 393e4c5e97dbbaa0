/* SPDX-License-Identifier: MIT */
/* aarch64_insn.h - what the files of the port to aarch64 share: fields of an instruction word, and classes of instructions. */
#ifndef RK_TOOL_ARCH_AARCH64_INSN_H
#define RK_TOOL_ARCH_AARCH64_INSN_H

#include "insn.h"

/* The lowest bit of each field that is the number of a register, under its name in the Arm architecture reference manual. */
enum { RD = 0, RT = 0, RN = 5, RA = 10, RT2 = 10, RM = 16, RS = 16 };

enum { ZERO = 31, STACK = 31, LINK = 30 };

static inline uint32_t arm_bits(uint32_t word, unsigned low, unsigned count)
{
	return word >> low & ((UINT32_C(1) << count) - 1);
}

static inline int64_t arm_signed(uint32_t word, unsigned low, unsigned count)
{
	int64_t sign = INT64_C(1) << (count - 1);

	return ((int64_t)arm_bits(word, low, count) ^ sign) - sign;
}

/* Returns the general register in the field that begins at bit `low`. 31 is the zero register, which has no number here. */
static inline int8_t arm_general(uint32_t word, unsigned low)
{
	return arm_bits(word, low, 5) == ZERO ? NO_REGISTER : (int8_t)arm_bits(word, low, 5);
}

/* Returns the general register in the field that begins at bit `low`. 31 is the stack pointer. */
static inline int8_t arm_base(uint32_t word, unsigned low)
{
	return (int8_t)arm_bits(word, low, 5);
}

static inline int8_t arm_vector(uint32_t word, unsigned low)
{
	return (int8_t)(FIRST_VECTOR + arm_bits(word, low, 5));
}

static inline insn_set arm_set(int8_t number)
{
	return number == NO_REGISTER ? 0 : INSN_BIT(number);
}

static inline struct insn_part arm_part(int8_t number)
{
	struct insn_part part = {number == NO_REGISTER ? SOURCE_NONE : SOURCE_REGISTER, number};

	return part;
}

/* Bit 31 says how wide the result is. */
static inline uint8_t arm_width(uint32_t word)
{
	return arm_bits(word, 31, 1) != 0 ? 8 : 4;
}

/* A class of instructions: all words with (word & mask) == value. */
struct arm_class {
	uint32_t mask, value;
	void (*put)(uint32_t word, struct insn *insn); /* fills in the instruction, or makes it unknown */
	bool newer; /* capstone 4.0 doesn't know all words of this class, so `put` itself finds out whether a word is valid */
};

/* Lists of classes, each of which ends with a `put` that is NULL. The first class that fits counts. No word fits in two lists. */
extern const struct arm_class arm_control[], arm_data[], arm_memory[], arm_vectors[];

/* See `struct arch`. */
void arm_scan(const uint8_t *code, size_t size, uint64_t address, const struct insn_wanted *wanted,
	      insn_hit *hit, void *argument);

/* aarch64_relocation.c */
struct relocation;
void arm_relocate(const struct relocation *r);

#endif /* RK_TOOL_ARCH_AARCH64_INSN_H */
