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

READS_CODE static const unsigned char *find_number(const unsigned char *at, const unsigned char *end)
{
	while (at < end && (instruction_at(at) & MOVE_MASK) != MOVE)
		at += 4;
	return at;
}

/* Recognises adrp x16, page; ldr x17, [x16, #offset]; ... br x17, possibly after bti. */
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

READS_CODE static bool makes_call(const struct module *module, const unsigned char *at, const unsigned char *end)
{
	uint32_t destination = instruction_at(at) & 31;

	for (at += 4; end - at >= 4 && (destination == 0 || destination == 8); at += 4) {
		uint32_t instruction = instruction_at(at);
		int64_t distance = (int64_t)((uint64_t)(instruction & 0x3ffffff) << 38) >> 36;

		if (destination == 0 && (instruction & 0x7c000000U) == 0x14000000U && /* b or bl */
		    is_syscall(module, (uintptr_t)at + (uintptr_t)distance))
			return true;
		if (destination == 8 && !module->is_static && instruction == 0xd4000001U) /* svc #0 */
			return true;
	}
	return false;
}

#endif /* RK_SRC_ARCH_AARCH64_CALLERS_H */
