/* SPDX-License-Identifier: MIT */
/* x86_64_callers.h - the part of thread/callers.c that reads the instructions of 64-bit x86. Only callers.c includes it. */
#ifndef RK_SRC_ARCH_X86_64_CALLERS_H
#define RK_SRC_ARCH_X86_64_CALLERS_H

#define STEP 1

/* The number as an operand of an instruction. */
#define NUMBER_0 (SYS_rseq & 255)
#define NUMBER_1 (SYS_rseq >> 8)
_Static_assert(NUMBER_0 == 0x4e && NUMBER_1 == 1, "334");

READS_CODE static int32_t operand_of(const unsigned char *at)
{
	return (int32_t)((uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24);
}

typedef char bytes __attribute__((__vector_size__(16)));
typedef bytes unaligned_bytes __attribute__((__aligned__(1), __may_alias__));

/* Compares 16 places at a time. */
READS_CODE static const unsigned char *find_number(const unsigned char *at, const unsigned char *end)
{
	const bytes first = (bytes){0} + (char)NUMBER_0, second = (bytes){0} + (char)NUMBER_1;

	for (; end - at > 16; at += 16) {
		bytes is_first = (bytes)(*(const unaligned_bytes *)(const void *)at == first);
		bytes is_second = (bytes)(*(const unaligned_bytes *)(const void *)(at + 1) == second);
		int places = __builtin_ia32_pmovmskb128(is_first & is_second);

		if (RKI_UNLIKELY(places != 0))
			return at + __builtin_ctz((unsigned)places);
	}
	while (at < end && *at != NUMBER_0)
		at++;
	return at;
}

/* Returns whether the instruction at this address has the operand slot(%rip), whose 4 bytes begin after `size` bytes. */
READS_CODE static bool has_slot(const struct module *module, const unsigned char *at, int size)
{
	return is_slot(module, (uintptr_t)at + (uintptr_t)size + 4 + (uintptr_t)(intptr_t)operand_of(at + size));
}

/*
 * Recognises "jmp *slot(%rip)". It can follow endbr64, a bnd prefix, or mold's "mov $index,%r11d". With -z retpolineplt, lld
 * makes "mov slot(%rip),%r11" and a jump to a common piece of code.
 */
READS_CODE static bool is_indirect(const struct module *module, uintptr_t address)
{
	const unsigned char *at = (const unsigned char *)address;

	if (!has_code_at(module, address, 16) || !can_read(address, 16))
		return false;
	if (operand_of(at) == (int32_t)0xfa1e0ff3)
		at += 4;
	if (at[0] == 0x4c && at[1] == 0x8b && at[2] == 0x1d)
		return has_slot(module, at, 3);
	if (at[0] == 0x41 && at[1] == 0xbb)
		at += 6;
	else
		at += *at == 0xf2;
	return at[0] == 0xff && at[1] == 0x25 && has_slot(module, at, 2);
}

enum { RAX = 0, RDI = 7, MEMORY = -1 };

/* Where the number is. The registers r8 to r15 count as rax to rdi. Memory is named by the operand of an instruction. */
struct number {
	int reg;
	const unsigned char *operand;
	int size;
};

/* Returns the size of an operand that addresses memory near rbp or rsp, as local variables are addressed, or 0. */
READS_CODE static int size_of_local(const unsigned char *operand)
{
	switch (operand[0] & 0xc7) {
	case 0x45: /* offset(%rbp), with an offset of 8 bits, or of 32 bits in the next case */
		return 2;
	case 0x85:
		return 5;
	case 0x04: /* (%rsp), and offset(%rsp) in the next cases */
		return operand[1] == 0x24 ? 2 : 0;
	case 0x44:
		return operand[1] == 0x24 ? 3 : 0;
	case 0x84:
		return operand[1] == 0x24 ? 6 : 0;
	default:
		return 0;
	}
}

static int middle_of(unsigned char operand)
{
	return operand >> 3 & 7;
}

/* Finds the register into which a mov loads the number that is at `at`. */
READS_CODE static bool find_register(const unsigned char *at, struct number *place)
{
	*place = (struct number){.reg = at[-1] & 7};
	return (at[-1] & 0xf8) == 0xb8 || (at[-2] == 0xc7 && (at[-1] & 0xf8) == 0xc0);
}

/* Finds the local variable in which a mov stores the number that is at `at`. Reads from 7 bytes before `at`. */
READS_CODE static bool find_local(const unsigned char *at, struct number *place)
{
	static const signed char sizes[] = {2, 3, 5, 6};

	for (size_t i = 0; i < sizeof(sizes); i++) {
		*place = (struct number){.reg = MEMORY, .operand = at - sizes[i], .size = sizes[i]};
		if (place->operand[-1] == 0xc7 && middle_of(*place->operand) == 0 && size_of_local(place->operand) == place->size)
			return true;
	}
	return false;
}

READS_CODE static bool is_operand(const struct number *place, const unsigned char *operand)
{
	if ((*operand & 0xc7) != (*place->operand & 0xc7))
		return false;
	for (int i = 1; i < place->size; i++)
		if (operand[i] != place->operand[i])
			return false;
	return true;
}

/* Finds the place to which a mov or movslq at `at` copies the number. */
READS_CODE static bool find_copy(const struct number *place, const unsigned char *at, const unsigned char *end,
				 struct number *copy)
{
	bool loads = at[0] == 0x8b || at[0] == 0x63;
	int middle = middle_of(at[1]), last = at[1] & 7;

	if (!loads && at[0] != 0x89)
		return false;
	if (place->reg == MEMORY) {
		*copy = (struct number){.reg = middle};
		return loads && end - at > place->size && is_operand(place, at + 1);
	}
	if ((at[1] & 0xc0) == 0xc0) {
		*copy = (struct number){.reg = loads ? middle : last};
		return (loads ? last : middle) == place->reg && copy->reg != place->reg;
	}
	if (loads || middle != place->reg || end - at < 3)
		return false;
	*copy = (struct number){.reg = MEMORY, .operand = at + 1, .size = size_of_local(at + 1)};
	return copy->size != 0 && end - at > copy->size;
}

/*
 * Returns whether a mov at `at` loads another small number into this register. Other instructions can contain the same bytes:
 * after an opcode, or as the distance of a local variable.
 */
READS_CODE static bool loads_another(int reg, const unsigned char *at, const unsigned char *end)
{
	if (end - at < 5 || at[0] != 0xb8 + reg || (uint32_t)operand_of(at + 1) >= 1024)
		return false;
	return (at[-1] & 0xf8) != 0x88 && at[-1] != 0x63 && at[-1] != 0x41 && (at[-1] & 0xc7) != 0x45 && at[-1] != 0x24;
}

READS_CODE static bool calls_syscall(const struct module *module, const unsigned char *at, const unsigned char *end)
{
	if (end - at >= 5 && (at[0] & 0xfe) == 0xe8)
		return is_syscall(module, (uintptr_t)at + 5 + (uintptr_t)(intptr_t)operand_of(at + 1));
	return end - at >= 6 && at[0] == 0xff && (at[1] == 0x15 || at[1] == 0x25) && has_slot(module, at, 2);
}

/* Returns whether a call or jump whose operand is at `operand` leads to the module's own code. */
READS_CODE static bool leads_here(const struct module *module, const unsigned char *operand)
{
	return has_code_at(module, (uintptr_t)operand + 4 + (uintptr_t)(intptr_t)operand_of(operand), 1);
}

/*
 * Returns whether `at` is inside the operand of a call, a jump or a conditional jump to the module's own code. The first byte of
 * a call's operand doesn't count: an opcode of one byte can be the end of another instruction. An example is the last byte of
 * "mov -24(%rbp),%rsi" before a syscall.
 */
READS_CODE static bool is_in_operand(const struct module *module, const unsigned char *at)
{
	for (int i = 0; i <= 2; i++) {
		const unsigned char *operand = at - i;

		if (i > 0 && (operand[-1] & 0xfe) == 0xe8 && leads_here(module, operand))
			return true;
		if (operand[-2] == 0x0f && (operand[-1] & 0xf0) == 0x80 && leads_here(module, operand))
			return true;
	}
	return false;
}

/*
 * Returns whether the number that is in this place before `at` gets to a call before `end`, by at most so many copies. Looks at
 * most at *budget instructions.
 */
READS_CODE static bool gets_to_call(const struct module *module, struct number place, const unsigned char *at,
				    const unsigned char *end, int copies, int *budget)
{
	const unsigned char *last = (place.reg == RAX || place.reg == RDI) && end - at > NEAR_MAX ? at + NEAR_MAX : end;
	struct number copy;

	for (; last - at >= 2 && --*budget > 0; at++) {
		if (place.reg == RDI && calls_syscall(module, at, last))
			return true;
		if (place.reg == RAX && !module->is_static && at[0] == 0x0f && at[1] == 0x05 && !is_in_operand(module, at))
			return true;
		if (place.reg != MEMORY && loads_another(place.reg, at, last))
			return false;
		if (copies > 0 && find_copy(&place, at, last, &copy) && gets_to_call(module, copy, at + 2, end, copies - 1, budget))
			return true;
	}
	return false;
}

/* `at` is the number in the operand of a mov, whose opcode and other operand are just before it. */
READS_CODE static bool makes_call(const struct module *module, const unsigned char *at, const unsigned char *end)
{
	struct number place;
	int budget = BUDGET;

	if (operand_of(at) != SYS_rseq)
		return false;
	return (find_register(at, &place) && gets_to_call(module, place, at + 4, end, COPIES_MAX, &budget)) ||
	       (find_local(at, &place) && gets_to_call(module, place, at + 4, end, COPIES_MAX, &budget));
}

#endif /* RK_SRC_ARCH_X86_64_CALLERS_H */
