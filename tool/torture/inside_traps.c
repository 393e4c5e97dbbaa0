/* SPDX-License-Identifier: MIT */
/*
 * inside_traps.c - sets and removes the breakpoints in processes that have an agent, the object that `rseqkit torture --inside`
 * (the tool) preloads.
 *
 * The invariant: the tool writes a breakpoint only if memory still has the instruction of the module's ELF file. The module must
 * also be in the list that the process's agent reads (inside_lists.c). Some kernels let only a tracer write to the text of
 * another process (proc_mem.force_override). Then the agent writes the breakpoints.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "inside.h"

static const uint8_t trap[] = AGENT_TRAP;

static struct agent_cell *cell_of(const struct inside *inside, const struct inside_process *process)
{
	return (struct agent_cell *)((char *)inside->shared + process->cell);
}

static const struct inside_module *tables_of(const struct inside *inside, const struct mapping *mapping)
{
	const struct inside_module *one = inside->modules;

	while (one != NULL && one->module != mapping->module)
		one = one->next;
	return one;
}

bool traps_remove(const struct inside *inside, struct process *space, const struct mapping *mapping)
{
	const struct inside_module *one = tables_of(inside, mapping);
	bool done = true;

	for (uint32_t i = 0; one != NULL && i < mapping->module->insn_count; i++)
		if (one->insns[i].usable && mapping->set[i] != BREAKPOINT_OUTSIDE &&
		    !process_write(space, mapping->module->insns[i].address + mapping->bias, one->insns[i].original,
				   AGENT_TRAP_SIZE))
			done = false;
	return done;
}

/*
 * If the tool can't remove a breakpoint, the agent removes all of them when its present or next request is answered
 * (agent_obey()). Before that, a thread that reaches a breakpoint removes it.
 */
void traps_restore(const struct inside *inside, struct inside_process *process)
{
	process->let_go = true;
	__atomic_store_n(&cell_of(inside, process)->let_go, 1, __ATOMIC_RELEASE);
	for (const struct mapping *mapping = process->space->mappings; mapping != NULL; mapping = mapping->next)
		if (mapping->listed && !traps_remove(inside, process->space, mapping))
			cell_of(inside, process)->own = 1;
}

/* Sets a breakpoint if memory still has the instruction of the ELF file. Returns false if the kernel refuses the write. */
static bool set_trap(const struct inside_process *process, const struct mapping *mapping, uint32_t number)
{
	const struct torture_insn *insn = &mapping->module->insns[number];
	uint8_t now[AGENT_TRAP_SIZE];

	if (mapping->set[number] == BREAKPOINT_OUTSIDE ||
	    !process_read(process->space, insn->address + mapping->bias, now, AGENT_TRAP_SIZE) ||
	    memcmp(now, insn->code, AGENT_TRAP_SIZE) != 0)
		return true;
	return process_write(process->space, insn->address + mapping->bias, trap, AGENT_TRAP_SIZE);
}

/*
 * Sets a breakpoint at a random instruction of a section. Sets none if this instruction can't have a breakpoint. Returns false if
 * the kernel refuses the write.
 */
static bool set_by_chance(const struct inside_process *process, const struct mapping *mapping, const struct inside_module *one,
			  uint32_t section)
{
	const struct module *module = mapping->module;
	uint32_t count = module->sections[section].count, at = catalog_find(module, module->sections[section].start);

	for (uint32_t left = count > 0 ? (uint32_t)random() % count + 1 : 0; left > 0 && at < module->insn_count; at++)
		if (module->insns[at].section == section && --left == 0 && one->insns[at].usable)
			return set_trap(process, mapping, at);
	return true;
}

static bool set_all_by_chance(const struct inside_process *process, const struct mapping *mapping,
			      const struct inside_module *one)
{
	bool done = true;

	for (uint32_t i = 0; i < mapping->module->section_count && done; i++)
		done = set_by_chance(process, mapping, one, i);
	return done;
}

void traps_set(struct inside *inside, struct inside_process *process, struct mapping *mapping)
{
	const struct inside_module *one = tables_of(inside, mapping);
	bool done = true;

	if (one != NULL && inside->settings->random > 0)
		done = set_all_by_chance(process, mapping, one);
	for (uint32_t i = 0; one != NULL && inside->settings->random == 0 && done && i < mapping->module->insn_count; i++)
		done = !memory_wants(inside, &one->insns[i]) || set_trap(process, mapping, i);
	if (!done)
		cell_of(inside, process)->own = 1;
}

bool traps_mark(const struct mapping *mapping)
{
	bool any = false;

	for (uint32_t i = 0; i < mapping->module->insn_count; i++)
		if (mapping->set[i] == BREAKPOINT_NEVER) {
			mapping->set[i] = BREAKPOINT_SET;
			any = true;
		}
	return any;
}

/* In a random run: an agent has left this section without a breakpoint. Sets one in each process that has the section. */
static void wake(struct inside *inside, const struct inside_module *one, uint32_t section)
{
	for (const struct inside_process *process = inside->processes; process != NULL; process = process->next)
		for (const struct mapping *mapping = process->space->mappings; mapping != NULL; mapping = mapping->next)
			if (mapping->module == one->module && mapping->listed && !process->paused && !process->let_go &&
			    process->space->memory >= 0 && !set_by_chance(process, mapping, one, section))
				__atomic_store_n(&cell_of(inside, process)->again, 1, __ATOMIC_RELAXED);
}

void inside_wake(struct inside *inside)
{
	for (const struct inside_module *one = inside->modules; one != NULL; one = one->next)
		for (uint32_t i = 0; i < one->module->section_count; i++)
			if (__atomic_exchange_n(&one->sections[i].rests, 0, __ATOMIC_ACQUIRE) != 0 &&
			    inside->shared->confirmed < inside->settings->random)
				wake(inside, one, i);
}

void inside_set_again(struct inside *inside)
{
	if (inside->settings->random > 0)
		return;
	for (const struct inside_process *process = inside->processes; process != NULL; process = process->next) {
		if (process->paused || process->let_go || process->space->memory < 0)
			continue;
		for (const struct mapping *mapping = process->space->mappings; mapping != NULL; mapping = mapping->next) {
			const struct inside_module *one = tables_of(inside, mapping);

			for (uint32_t i = 0; one != NULL && mapping->listed && i < mapping->module->insn_count; i++)
				if (mapping->set[i] == BREAKPOINT_SET &&
				    one->insns[i].reached + one->insns[i].idle > 0 && memory_wants(inside, &one->insns[i]) &&
				    !set_trap(process, mapping, i))
					__atomic_store_n(&cell_of(inside, process)->again, 1, __ATOMIC_RELAXED);
		}
	}
}
