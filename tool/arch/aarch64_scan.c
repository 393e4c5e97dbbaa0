/* SPDX-License-Identifier: MIT */
/*
 * aarch64_scan.c - finds instructions of aarch64 that jump into a wanted range, or compute a wanted address or its page.
 * struct insn_wanted (insn.h) has the wanted ranges and addresses.
 */
#include "aarch64_insn.h"

#include <string.h>

#include "common/sorted.h"

#define PAGE(address) ((address) & ~UINT64_C(0xfff))

/* Is one of the wanted addresses in the `size` bytes from `address` on? */
static bool has_address(const struct insn_wanted *wanted, uint64_t address, uint64_t size)
{
	size_t first = COUNT_WHILE(i, wanted->address_count, wanted->addresses[i] < address);

	return first < wanted->address_count && wanted->addresses[first] - address < size;
}

/* Returns the distance from a jump, branch or call to its target; 0 for another instruction. */
static int64_t jump_of(uint32_t word)
{
	if ((word & 0x7c000000) == 0x14000000) /* b, bl */
		return arm_signed(word, 0, 26) * 4;
	if ((word & 0xff000000) == 0x54000000 || (word & 0x7e000000) == 0x34000000) /* b.cond, cbz, cbnz */
		return arm_signed(word, 5, 19) * 4;
	if ((word & 0x7e000000) == 0x36000000) /* tbz, tbnz */
		return arm_signed(word, 5, 14) * 4;
	return 0;
}

/* Does the instruction compute one of the wanted addresses: adr, adrp, or ldr of a constant of 8 bytes near the code? */
static bool makes_address(uint32_t word, uint64_t at, const uint8_t *code, size_t size, uint64_t address,
			  const struct insn_wanted *wanted)
{
	uint64_t distance = (uint64_t)(arm_signed(word, 5, 19) * 4), place, constant;

	if ((word & 0x1f000000) == 0x10000000) {
		distance += arm_bits(word, 29, 2);
		if (arm_bits(word, 31, 1) != 0)
			return has_address(wanted, PAGE(at) + (distance << 12), 0x1000);
		return has_address(wanted, at + distance, 1);
	}
	place = at + distance;
	if ((word & 0xff000000) != 0x58000000)
		return false;
	if (has_address(wanted, place, 1))
		return true;
	if (size < 8 || place - address > size - 8)
		return false;
	memcpy(&constant, code + (place - address), sizeof(constant));
	return has_address(wanted, constant, 1);
}

void arm_scan(const uint8_t *code, size_t size, uint64_t address, const struct insn_wanted *wanted, insn_hit *hit, void *argument)
{
	/* Instructions have addresses that are multiples of 4. */
	for (size_t i = -address & 3; i + 4 <= size; i += 4) {
		uint64_t at = address + i;
		int64_t jump;
		uint32_t word;

		memcpy(&word, code + i, sizeof(word));
		jump = jump_of(word);
		if ((jump != 0 &&
		     span_find(wanted->ranges, wanted->range_count, at + (uint64_t)jump) != NULL) ||
		    (wanted->address_count > 0 && makes_address(word, at, code, size, address, wanted)))
			hit(argument, at);
	}
}
