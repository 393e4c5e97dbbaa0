/* SPDX-License-Identifier: MIT */
/*
 * breakpoints.c - sets and removes breakpoints in the program that `rseqkit torture` (the tool) traces. A breakpoint is a trap
 * instruction that the tool writes over an instruction of the program. A place (space.h) is an instruction in a process.
 *
 * The invariant: the tool writes a breakpoint only if the instruction of the ELF file is in memory at this address. It writes the
 * instruction only if the breakpoint is still in memory, or the instruction itself (process_mend()). The tool checks this because
 * a program can unmap or change its code without the dynamic linker, and can then have data at this address.
 */
#include <stdlib.h>
#include <string.h>

#include "space.h"

/*
 * Does memory have the instruction `code` at the address, with the bytes `first` instead of the first machine_trap_size bytes?
 * Each later byte can also be another breakpoint, because another instruction can begin there.
 */
static bool has(struct process *process, uint64_t address, const uint8_t *first, const uint8_t *code, size_t size)
{
	uint8_t now[CODE_MAX];

	if (!process_read(process, address, now, size) || memcmp(now, first, machine_trap_size) != 0)
		return false;
	for (size_t i = machine_trap_size; i < size; i++)
		if (now[i] != code[i] && now[i] != machine_trap[0])
			return false;
	return true;
}

static bool put_trap(struct process *process, uint64_t address, const uint8_t *code, size_t size)
{
	if (process->paused != 0 || memcmp(code, machine_trap, machine_trap_size) == 0) /* or the program's own instruction is a trap */
		return false;
	return has(process, address, code, code, size) && process_write(process, address, machine_trap, machine_trap_size);
}

bool process_has_ours(struct process *process, uint64_t address, const uint8_t *code, size_t size)
{
	return memcmp(code, machine_trap, machine_trap_size) != 0 && has(process, address, machine_trap, code, size);
}

bool process_take_trap(struct process *process, uint64_t address, const uint8_t *code, size_t size)
{
	uint8_t byte;

	if (process_has_ours(process, address, code, size))
		return process_write(process, address, code, machine_trap_size);
	if (has(process, address, code, code, size)) /* see process_mend() */
		(void)process_write(process, address, code, machine_trap_size);
	return process_read(process, address, &byte, 1);
}

void process_mend(struct process *process, uint64_t address)
{
	struct mapped_insn place;

	if (process_find(process, address, &place))
		(void)process_clear(process, &place);
	for (int kind = 0; kind < EXTRAS; kind++)
		if (process->extras[kind].address == address)
			(void)process_take_trap(process, address, process->extras[kind].code, machine_trap_size);
	for (const struct mapping *mapping = process->mappings; mapping != NULL; mapping = mapping->next)
		for (uint32_t i = 0; i < mapping->module->section_count; i++) {
			const struct torture_section *section = &mapping->module->sections[i];

			if (mapping->ends[i] != 0 && section->end + mapping->bias == address)
				(void)process_take_trap(process, address, section->end_code, machine_trap_size);
		}
}

bool process_set(struct process *process, const struct mapped_insn *place)
{
	const struct torture_insn *insn = place_insn(place);
	uint8_t *set = &place->mapping->set[place->insn];

	if (*set == BREAKPOINT_OUTSIDE)
		return false;
	if (*set != BREAKPOINT_SET && put_trap(process, place_address(place), insn->code, insn->size))
		*set = BREAKPOINT_SET;
	return *set == BREAKPOINT_SET;
}

bool process_clear(struct process *process, const struct mapped_insn *place)
{
	const struct torture_insn *insn = place_insn(place);
	uint8_t *set = &place->mapping->set[place->insn];

	if (*set <= BREAKPOINT_NEVER)
		return true;
	*set = BREAKPOINT_CLEARED;
	return process_take_trap(process, place_address(place), insn->code, insn->size);
}

/* Sets or removes the breakpoint of each instruction that is in the section of `place` and has the state `from`. */
static void change_section(struct process *process, const struct mapped_insn *place, uint8_t from, bool set)
{
	const struct module *module = place->mapping->module;
	const uint32_t section = place_insn(place)->section;

	for (uint32_t i = catalog_find(module, module->sections[section].start); i < module->insn_count; i++) {
		struct mapped_insn one = {place->mapping, i};

		if (module->insns[i].address >= module->sections[section].end)
			break;
		if (module->insns[i].section != section || place->mapping->set[i] != from)
			continue;
		if (set) {
			(void)process_set(process, &one);
		} else {
			(void)process_clear(process, &one);
			place->mapping->set[i] = BREAKPOINT_SUSPENDED;
		}
	}
}

void process_suspend(struct process *process, const struct mapped_insn *place)
{
	change_section(process, place, BREAKPOINT_SET, false);
}

void process_suspend_one(const struct mapped_insn *place)
{
	place->mapping->set[place->insn] = BREAKPOINT_SUSPENDED;
}

void process_resume(struct process *process, const struct mapped_insn *place)
{
	change_section(process, place, BREAKPOINT_SUSPENDED, true);
}

bool extra_set(struct process *process, enum extra_kind kind)
{
	struct extra *extra = &process->extras[kind];

	if (extra->address != 0 && !extra->set && (!process->spared || kind == EXTRA_PTRACE))
		extra->set = put_trap(process, extra->address, extra->code, machine_trap_size);
	return extra->set;
}

bool extra_set_end(struct process *process, enum extra_kind kind, const struct mapped_insn *place)
{
	const uint32_t number = place_insn(place)->section;
	const struct torture_section *section = &place->mapping->module->sections[number];
	struct extra *end = &process->extras[kind];

	end->address = section->end + place->mapping->bias;
	memcpy(end->code, section->end_code, sizeof(end->code));
	place->mapping->ends[number] = 1;
	return extra_set(process, kind);
}

void extra_clear(struct process *process, enum extra_kind kind)
{
	struct extra *extra = &process->extras[kind];

	if (extra->set)
		(void)process_take_trap(process, extra->address, extra->code, machine_trap_size);
	extra->set = false;
}

bool extra_copy(struct process *process, enum extra_kind kind)
{
	struct extra *extra = &process->extras[kind];

	if (extra->copied)
		return true;
	extra->copied = extra->copy != 0 && process_read(process, extra->copy, extra->replaced, extra->size) &&
			process_write(process, extra->copy, extra->code, extra->size);
	return extra->copied;
}

void extra_remove_copies(struct process *process)
{
	for (int kind = 0; kind < EXTRAS; kind++) {
		struct extra *extra = &process->extras[kind];

		if (extra->copied)
			(void)process_write(process, extra->copy, extra->replaced, extra->size);
		extra->copied = false;
	}
}

/* Removes all breakpoints that are in sections. */
static void process_clear_sections(struct process *process)
{
	for (struct mapping *mapping = process->mappings; mapping != NULL; mapping = mapping->next)
		for (uint32_t i = 0; i < mapping->module->insn_count; i++)
			if (mapping->set[i] == BREAKPOINT_SET)
				(void)process_clear(process, &(struct mapped_insn){mapping, i});
}

void process_clear_all(struct process *process)
{
	process_clear_sections(process);
	for (int kind = 0; kind < EXTRAS; kind++)
		extra_clear(process, (enum extra_kind)kind);
}

/* Returns a pseudorandom number. Each run with the same --seed gets the same numbers. */
static uint64_t random_number(void)
{
	return ((uint64_t)random() << 31) ^ (uint64_t)random();
}

bool process_set_random(struct process *process, struct mapping *mapping, uint32_t section)
{
	const struct module *module = mapping->module;
	uint64_t left = random_number() % (module->sections[section].count + 1);

	for (uint32_t i = catalog_find(module, module->sections[section].start); i < module->insn_count; i++) {
		if (module->insns[i].section != section)
			continue;
		if (left-- == 0) {
			(void)process_set(process, &(struct mapped_insn){mapping, i});
			return true;
		}
	}
	return false;
}

void process_leave(struct process *process, struct mapping *mapping)
{
	for (uint32_t i = 0; i < mapping->module->insn_count; i++) {
		process->unloads |= mapping->set[i] != BREAKPOINT_OUTSIDE;
		(void)process_clear(process, &(struct mapped_insn){mapping, i});
		mapping->set[i] = BREAKPOINT_OUTSIDE;
	}
}

void process_set_mapping(struct process *process, struct mapping *mapping, const struct torture_settings *settings)
{
	if (settings->random > 0) {
		for (uint32_t i = 0; i < mapping->module->section_count; i++)
			while (mapping->module->sections[i].count > 0 && !process_set_random(process, mapping, i))
				continue;
		return;
	}
	for (uint32_t i = 0; i < mapping->module->insn_count; i++)
		if (!catalog_is_covered(settings, &mapping->module->insns[i]))
			(void)process_set(process, &(struct mapped_insn){mapping, i});
}

void process_pause(struct process *process, pid_t pid)
{
	process_clear_all(process);
	process->paused = pid;
}

void process_spare(struct process *process, bool all)
{
	process->spared = true;
	process_clear_sections(process);
	for (int kind = 0; kind < EXTRAS; kind++)
		if (kind != EXTRA_PTRACE)
			extra_clear(process, (enum extra_kind)kind);
	if (all)
		process_pause(process, process->pid);
}

static bool has_code(struct process *process, uint64_t address, const uint8_t *code, size_t size)
{
	uint8_t now[TRAP_MAX];

	return process_read(process, address, now, size) && memcmp(now, code, size) == 0;
}

bool process_has_trap(struct process *process, uint64_t ip)
{
	return has_code(process, ip - machine_trap_moves, machine_trap, machine_trap_size) ||
	       (machine_long_trap_size > 0 &&
		has_code(process, ip - machine_long_trap_size, machine_long_trap, machine_long_trap_size));
}

struct torture_insn *place_insn(const struct mapped_insn *place)
{
	return &place->mapping->module->insns[place->insn];
}

uint64_t place_address(const struct mapped_insn *place)
{
	return place_insn(place)->address + place->mapping->bias;
}

bool process_find(const struct process *process, uint64_t address, struct mapped_insn *place)
{
	for (struct mapping *mapping = process->mappings; mapping != NULL; mapping = mapping->next) {
		uint32_t number = catalog_find(mapping->module, address - mapping->bias);

		/* An unloaded module can still have a mapping, at addresses that another module has now. */
		if (number < mapping->module->insn_count && mapping->module->insns[number].address == address - mapping->bias &&
		    mapping->set[number] != BREAKPOINT_OUTSIDE) {
			*place = (struct mapped_insn){mapping, number};
			return true;
		}
	}
	return false;
}
