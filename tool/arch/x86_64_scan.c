/* SPDX-License-Identifier: MIT */
/*
 * x86_64_scan.c - finds bytes of code that can be a jump into one of the wanted ranges, or one of the wanted addresses. struct
 * insn_wanted (insn.h) has these ranges and addresses.
 *
 * The scan looks at every byte, because instructions can begin anywhere. A few comparisons are enough for most bytes.
 */
#include "x86_64_insn.h"

#include <string.h>

#include "common/sorted.h"

/* A range that contains all wanted addresses. Most numbers in code are outside, so they need no search. */
struct bounds {
	uint64_t low, size;
};

static struct bounds bounds_of(uint64_t low, uint64_t high)
{
	struct bounds bounds = {low, high - low};

	return bounds;
}

static bool is_within(struct bounds bounds, uint64_t value)
{
	return value - bounds.low < bounds.size;
}

static bool is_an_address(const struct insn_wanted *wanted, uint64_t address)
{
	size_t first = COUNT_WHILE(i, wanted->address_count, wanted->addresses[i] < address);

	return first < wanted->address_count && wanted->addresses[first] == address;
}

/* Are the bytes before `at` the opcode of a call, a jump or a long branch, whose distance is the four bytes at `at`? */
static bool is_jump(const uint8_t *code, size_t at)
{
	return (at >= 1 && (code[at - 1] == 0xe8 || code[at - 1] == 0xe9)) ||
	       (at >= 2 && code[at - 2] == 0x0f && (code[at - 1] & 0xf0) == 0x80);
}

static bool is_short_jump(uint8_t opcode)
{
	return opcode == 0xeb || (opcode & 0xf0) == 0x70 || (opcode & 0xfc) == 0xe0;
}

/* Finds short jumps into the ranges. Such a jump is at most 130 bytes away from its target. */
static void scan_short(const uint8_t *code, size_t size, uint64_t address, const struct insn_wanted *wanted, insn_hit *hit,
		       void *argument)
{
	size_t first = COUNT_WHILE(i, wanted->range_count, wanted->ranges[i].end + 130 <= address);

	for (size_t i = first; i < wanted->range_count && wanted->ranges[i].start <= address + size + 130; i++) {
		uint64_t low = wanted->ranges[i].start > address + 130 ? wanted->ranges[i].start - address - 130 : 0;
		uint64_t high = wanted->ranges[i].end + 130 > address ? wanted->ranges[i].end + 130 - address : 0;

		for (uint64_t at = low; at < high && at + 2 <= size; at++) {
			uint64_t target = address + at + 2 + (uint64_t)(int64_t)(int8_t)code[at + 1];

			if (is_short_jump(code[at]) &&
			    target - wanted->ranges[i].start < wanted->ranges[i].end - wanted->ranges[i].start)
				hit(argument, address + at);
		}
	}
}

void x86_scan(const uint8_t *code, size_t size, uint64_t address, const struct insn_wanted *wanted, insn_hit *hit,
	      void *argument)
{
	struct bounds ranges = {0, 0}, addresses = {0, 0};

	if (wanted->range_count > 0)
		ranges = bounds_of(wanted->ranges[0].start, wanted->ranges[wanted->range_count - 1].end);
	if (wanted->address_count > 0)
		addresses = bounds_of(wanted->addresses[0], wanted->addresses[wanted->address_count - 1] + 1);
	for (size_t at = 0; at + 4 <= size; at++) {
		int32_t number;
		uint64_t relative;

		memcpy(&number, code + at, sizeof(number));
		relative = address + at + 4 + (uint64_t)(int64_t)number;
		if (is_within(ranges, relative) && is_jump(code, at) && span_find(wanted->ranges, wanted->range_count, relative) != NULL)
			hit(argument, address + at - 1);
		if ((is_within(addresses, relative) && is_an_address(wanted, relative)) ||
		    (is_within(addresses, (uint32_t)number) && is_an_address(wanted, (uint32_t)number)))
			hit(argument, address + at);
		if (at + 8 <= size) {
			uint64_t whole;

			memcpy(&whole, code + at, sizeof(whole));
			if (is_within(addresses, whole) && whole != (uint32_t)number && is_an_address(wanted, whole))
				hit(argument, address + at);
		}
	}
	scan_short(code, size, address, wanted, hit, argument);
}
