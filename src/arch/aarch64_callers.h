/* SPDX-License-Identifier: MIT */
/* aarch64_callers.h - the part of thread/callers.c that reads the instructions of 64-bit Arm. Only callers.c includes it. */
#ifndef RK_SRC_ARCH_AARCH64_CALLERS_H
#define RK_SRC_ARCH_AARCH64_CALLERS_H

#define STEP 4

READS_CODE static uint32_t instruction_at(const unsigned char *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

#define MOVE (0x52800000U | (uint32_t)SYS_rseq << 5) /* movz w0, #SYS_rseq; bit 31 makes it x0, bits 0 to 4 are the register */
#define MOVE_MASK 0x7fffffe0U
#define LOAD 0x18000000U /* ldr w0, constant near by; bit 30 makes it x0 */
#define LOAD_MASK 0xbf000017U /* of x0 and x8 */

READS_CODE static const unsigned char *find_number(const unsigned char *at, const unsigned char *end)
{
	while (at < end && (instruction_at(at) & MOVE_MASK) != MOVE && (instruction_at(at) & LOAD_MASK) != LOAD)
		at += 4;
	return at;
}

/* Recognises adrp x16, page; ldr x17, [x16, #offset]; ... br x17, in some cases after bti. */
READS_CODE static bool is_indirect(const struct module *module, uintptr_t address)
{
	const unsigned char *at = (const unsigned char *)address;
	uint32_t page, load;
	int64_t pages;

	if (address % 4 != 0 || !has_code_at(module, address, 16) || !can_read(address, 16))
		return false;
	if ((instruction_at(at) & 0xffffff3fU) == 0xd503241fU)
		at += 4;
	page = instruction_at(at);
	load = instruction_at(at + 4);
	if ((page & 0x9f00001fU) != 0x90000010U || (load & 0xffc003ffU) != 0xf9400211U)
		return false;
	pages = (int64_t)((uint64_t)((page >> 5 & 0x7ffff) << 2 | (page >> 29 & 3)) << 43) >> 43;
	return is_slot(module, (((uintptr_t)at & ~(uintptr_t)4095) + (uintptr_t)(pages * 4096)) + (load >> 10 & 4095) * 8);
}

/* Returns whether the instruction at `at` loads the number from a constant that is in the code. */
READS_CODE static bool loads_constant(const struct module *module, const unsigned char *at)
{
	uintptr_t address = (uintptr_t)at + (uintptr_t)((int64_t)((uint64_t)(instruction_at(at) >> 5 & 0x7ffff) << 45) >> 43);

	return (instruction_at(at) & LOAD_MASK) == LOAD && has_code_at(module, address, 8) && can_read(address, 8) &&
	       instruction_at((const unsigned char *)address) == SYS_rseq;
}

/* Where the number is: in a register, or in memory, to which an instruction, `store`, has stored a register. */
struct number {
	uint32_t reg;
	uint32_t store;
};

#define MEMORY 32 /* in place of a register */

/*
 * Finds the place to which an instruction copies the number. The instruction is "mov", "str [sp or x29, #offset]", or a "ldr" or
 * "ldrsw" with the address of that str.
 */
static bool find_copy(struct number place, uint32_t instruction, struct number *copy)
{
	bool is_local = (instruction & 0xbf0003e0U) == 0xb90003e0U || (instruction & 0xbf0003e0U) == 0xb90003a0U ||
			(instruction & 0xbf200fe0U) == 0xb80003e0U || (instruction & 0xbf200fe0U) == 0xb80003a0U;

	*copy = (struct number){.reg = instruction & 31};
	if (place.reg == MEMORY)
		return is_local && (instruction & 0xc00000U) != 0 && ((instruction ^ place.store) & ~0xc0001fU) == 0;
	if ((instruction & 0x7fe0ffe0U) == 0x2a0003e0U)
		return (instruction >> 16 & 31) == place.reg && copy->reg != place.reg;
	*copy = (struct number){.reg = MEMORY, .store = instruction};
	return is_local && (instruction & 0xc0001fU) == place.reg;
}

/*
 * Returns whether the number that is in this place before `at` gets to a call before `end`, by at most so many copies. Looks at
 * most at *budget instructions.
 */
READS_CODE static bool gets_to_call(const struct module *module, struct number place, const unsigned char *at,
				    const unsigned char *end, int copies, int *budget)
{
	const unsigned char *last = end - at > NEAR_MAX ? at + NEAR_MAX : end;
	struct number copy;

	for (; end - at >= 4 && --*budget > 0; at += 4) {
		uint32_t instruction = instruction_at(at);
		int64_t distance = (int64_t)((uint64_t)(instruction & 0x3ffffff) << 38) >> 36;

		if (place.reg == 0 && at < last && (instruction & 0x7c000000U) == 0x14000000U && /* b or bl */
		    is_syscall(module, (uintptr_t)at + (uintptr_t)distance))
			return true;
		if (place.reg == 8 && at < last && !module->is_static && instruction == 0xd4000001U) /* svc #0 */
			return true;
		if ((instruction & 0x7f80001fU) == (0x52800000U | place.reg)) /* movz, of another number */
			return false;
		if (copies > 0 && find_copy(place, instruction, &copy) && gets_to_call(module, copy, at + 4, end, copies - 1, budget))
			return true;
	}
	return false;
}

READS_CODE static bool makes_call(const struct module *module, const unsigned char *at, const unsigned char *end)
{
	struct number place = {.reg = instruction_at(at) & 31};
	int budget = BUDGET;

	return ((instruction_at(at) & MOVE_MASK) == MOVE || loads_constant(module, at)) &&
	       gets_to_call(module, place, at + 4, end, COPIES_MAX, &budget);
}

#endif /* RK_SRC_ARCH_AARCH64_CALLERS_H */
