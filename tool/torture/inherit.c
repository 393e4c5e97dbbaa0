/* SPDX-License-Identifier: MIT */
/*
 * inherit.c - finds the breakpoints that a child of fork has inherited from its parent. A breakpoint is a trap instruction that
 * `rseqkit torture` (the tool) has written over an instruction of the program.
 *
 * The tool learns of a fork some time after the fork. Meanwhile other threads of the parent come to breakpoints, and the tool
 * removes or sets breakpoints in the parent. The states (BREAKPOINT_...) of the parent's instructions therefore only show where
 * the child can have breakpoints. The invariant: the tool gives a child's instruction the state BREAKPOINT_SET only if the
 * child's memory has the trap.
 */
#include <string.h>

#include "space.h"

#define PAGE 4096

/* A copy of the page of the child's memory that was read last. The next instruction is mostly in the same page. */
struct window {
	uint64_t page;
	bool known, readable;
	uint8_t bytes[PAGE];
};

/* Can there be a trap of ours at the address, instead of `code`? Doesn't compare the bytes after the trap. */
static bool has_trap(struct process *process, struct window *window, uint64_t address, const uint8_t *code)
{
	const uint64_t page = address & ~(uint64_t)(PAGE - 1), offset = address - page;

	if (!window->known || window->page != page) {
		window->known = true;
		window->page = page;
		window->readable = process_read(process, page, window->bytes, PAGE);
	}
	return window->readable && offset + machine_trap_size <= PAGE && memcmp(code, machine_trap, machine_trap_size) != 0 &&
	       memcmp(window->bytes + offset, machine_trap, machine_trap_size) == 0;
}

/* Removes the breakpoints at the ends of sections (EXTRA_END and EXTRA_REST). The child doesn't need them. */
static void clear_ends(struct process *process, struct mapping *mapping, struct window *window, bool all)
{
	static const uint8_t unknown[CODE_MAX];

	for (uint32_t i = 0; i < mapping->module->section_count; i++) {
		const struct torture_section *section = &mapping->module->sections[i];
		const uint64_t address = section->end + mapping->bias;
		struct mapped_insn place;

		if ((all || mapping->ends[i] != 0) && memcmp(section->end_code, unknown, CODE_MAX) != 0 &&
		    has_trap(process, window, address, section->end_code) &&
		    (!process_find(process, address, &place) || place.mapping->set[place.insn] <= BREAKPOINT_NEVER))
			(void)process_take_trap(process, address, section->end_code, machine_trap_size);
	}
}

void process_inherit(struct process *process, struct mapping *mapping, bool all)
{
	struct window window = {.known = false};

	for (uint32_t i = 0; i < mapping->module->insn_count; i++) {
		const struct torture_insn *insn = &mapping->module->insns[i];
		const uint64_t address = insn->address + mapping->bias;
		uint8_t *set = &mapping->set[i];

		if (*set == BREAKPOINT_OUTSIDE || (*set == BREAKPOINT_NEVER && !all))
			continue;
		if (has_trap(process, &window, address, insn->code) &&
		    (*set == BREAKPOINT_SET || process_has_ours(process, address, insn->code, insn->size)))
			*set = BREAKPOINT_SET;
		else if (*set != BREAKPOINT_NEVER)
			*set = BREAKPOINT_CLEARED;
	}
	clear_ends(process, mapping, &window, all);
}

void extra_inherit(struct process *process, enum extra_kind kind)
{
	struct extra *extra = &process->extras[kind];

	extra->set = extra->address != 0 && process_has_ours(process, extra->address, extra->code, machine_trap_size);
}
