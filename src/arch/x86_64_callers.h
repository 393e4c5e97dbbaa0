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

/* Recognises "jmp *slot(%rip)", possibly after endbr64 and a bnd prefix. */
READS_CODE static bool is_indirect(const struct module *module, uintptr_t address)
{
	const unsigned char *at = (const unsigned char *)address;

	if (!has_code_at(module, address, 16) || !can_read(address, 16))
		return false;
	if (operand_of(at) == (int32_t)0xfa1e0ff3)
		at += 4;
	at += *at == 0xf2;
	return at[0] == 0xff && at[1] == 0x25 && is_slot(module, (uintptr_t)at + 6 + (uintptr_t)(intptr_t)operand_of(at + 2));
}

/* `at` is the number in the operand of a mov, whose opcode is just before it. Reads from 3 bytes before `at` to `end`. */
READS_CODE static bool makes_call(const struct module *module, const unsigned char *at, const unsigned char *end)
{
	bool to_edi = at[-1] == 0xbf || (at[-2] == 0xc7 && at[-1] == 0xc7);
	bool to_eax = at[-1] == 0xb8 || (at[-2] == 0xc7 && at[-1] == 0xc0);

	if (operand_of(at) != SYS_rseq || (!to_edi && !to_eax))
		return false;
	for (at += 4; end - at >= 6; at++) {
		uintptr_t near = (uintptr_t)at + 5 + (uintptr_t)(intptr_t)operand_of(at + 1);
		uintptr_t far = (uintptr_t)at + 6 + (uintptr_t)(intptr_t)operand_of(at + 2);

		if (to_edi && (((at[0] & 0xfe) == 0xe8 && is_syscall(module, near)) ||
			       (at[0] == 0xff && (at[1] == 0x15 || at[1] == 0x25) && is_slot(module, far))))
			return true;
		if (to_eax && at[0] == 0x0f && (at[1] & 0xf0) == 0x80) /* a conditional jump, whose operand can look like a syscall */
			return false;
		if (to_eax && !module->is_static && at[0] == 0x0f && at[1] == 0x05)
			return true;
	}
	return false;
}

#endif /* RK_SRC_ARCH_X86_64_CALLERS_H */
