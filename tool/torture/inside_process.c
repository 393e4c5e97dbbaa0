/* SPDX-License-Identifier: MIT */
/*
 * inside_process.c - the processes whose agents have met the tool, and their breakpoints.
 *
 * The invariant: a breakpoint is written only to a process whose agent knows the module, and never while a module of this process
 * is about to be unmapped. Only a process that asks gets its memory opened: after an exec, writes to the old memory do nothing.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/proc.h"
#include "inside.h"

static const uint8_t trap[] = AGENT_TRAP;

static struct inside_process *process_named(const struct inside *inside, pid_t pid)
{
	struct inside_process *process;

	for (process = inside->processes; process != NULL; process = process->next)
		if (process->space->pid == pid)
			break;
	return process;
}

static void drop(struct inside_process *process)
{
	process_release(process->space);
	if (process->handle >= 0)
		close(process->handle);
	free(process);
}

/* Does the process have the agent's number? Another namespace of processes can give it another name. */
static bool is_proved(struct process *space, const struct agent_slot *slot)
{
	uint64_t proof;

	return process_read(space, slot->proof_address, &proof, sizeof(proof)) && proof == slot->proof;
}

static struct agent_cell *cell_of(const struct inside *inside, const struct inside_process *process)
{
	return (struct agent_cell *)((char *)inside->shared + process->cell);
}

/*
 * Removes the process's breakpoints for good. Some kernels let only a tracer write to text (proc_mem.force_override). Then the
 * agent has to do it: at once if it has asked, and otherwise when threads come to the breakpoints.
 */
static void restore(const struct inside *inside, struct inside_process *process)
{
	process->let_go = true;
	__atomic_store_n(&cell_of(inside, process)->let_go, 1, __ATOMIC_RELEASE);
	for (const struct mapping *mapping = process->space->mappings; mapping != NULL; mapping = mapping->next) {
		const struct inside_module *one = inside->modules;

		while (one != NULL && one->module != mapping->module)
			one = one->next;
		for (uint32_t i = 0; one != NULL && i < mapping->module->insn_count; i++)
			if (one->insns[i].usable && mapping->set[i] == BREAKPOINT_SET &&
			    !process_write(process->space, mapping->module->insns[i].address + mapping->bias,
					   one->insns[i].original, AGENT_TRAP_SIZE))
				cell_of(inside, process)->own = 1;
	}
}

static void end_process(struct inside *inside, struct inside_process *process)
{
	struct inside_process **place = &inside->processes;

	while (*place != process)
		place = &(*place)->next;
	*place = process->next;
	drop(process);
}

static bool is_traced(pid_t pid)
{
	char tracer[32];

	return proc_field(pid, "TracerPid", tracer, sizeof(tracer)) && atoi(tracer) != 0;
}

/* A new process, or one that has executed another program. */
static uint64_t greet(struct inside *inside, const struct agent_slot *slot)
{
	struct inside_process *process = (struct inside_process *)calloc(1, sizeof(*process)), *old;
	struct process *space = process_new(slot->pid);
	uint64_t cell = memory_take(inside, sizeof(struct agent_cell));

	if (process != NULL)
		process->handle = -1;
	if (process == NULL || space == NULL || cell == 0 || !is_proved(space, slot)) {
		process_release(space);
		free(process);
		return 0;
	}
	space->inside = true;
	process->space = space;
	process->cell = cell;
	process->handle = (int)syscall(SYS_pidfd_open, slot->pid, 0);
	old = process_named(inside, slot->pid);
	if (old != NULL) {
		process->let_go = old->let_go;
		end_process(inside, old);
	} else {
		inside->result->processes++;
	}
	process->next = inside->processes;
	inside->processes = process;
	if (!process->let_go && (inside->awaited == slot->pid || is_traced(slot->pid))) {
		process->let_go = true;
		inside->result->tracing++;
	}
	cell_of(inside, process)->let_go = process->let_go;
	return process->let_go && slot->request == AGENT_HELLO ? 0 : cell;
}

/* Makes the process's list of modules, if it has changed. */
static void publish(struct inside *inside, struct inside_process *process)
{
	struct agent_list *list;
	uint64_t count = 0, position, size;
	struct agent_cell *cell = cell_of(inside, process);

	for (const struct mapping *mapping = process->space->mappings; mapping != NULL; mapping = mapping->next)
		count += mapping->seen;
	size = sizeof(*list) + count * sizeof(list->entries[0]);
	list = (struct agent_list *)calloc(1, size);
	if (list == NULL)
		return;
	for (const struct mapping *mapping = process->space->mappings; mapping != NULL; mapping = mapping->next) {
		const struct inside_module *one = mapping->seen ? memory_module(inside, mapping) : NULL;
		const struct module *module = mapping->module;

		if (one != NULL)
			list->entries[list->count++] = (struct agent_entry){
				.low = module->insns[0].address + mapping->bias,
				.high = module->insns[module->insn_count - 1].address + mapping->bias + 1,
				.bias = mapping->bias,
				.module = one->position,
			};
	}
	if (process->list == 0 || process->list_size != size || memcmp((char *)inside->shared + process->list, list, size) != 0) {
		position = memory_take(inside, size);
		if (position != 0) {
			memcpy((char *)inside->shared + position, list, size);
			process->list = position;
			process->list_size = size;
			__atomic_store_n(&cell->list, position, __ATOMIC_RELEASE);
		}
	}
	free(list);
}

/* Writes a breakpoint over an instruction, if it is there. Returns false if the kernel refuses. */
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

/* Sets a breakpoint at an instruction of a section, by chance. Returns false if the kernel refuses. */
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

static bool set_new(struct inside *inside, const struct inside_process *process, const struct mapping *mapping)
{
	const struct inside_module *one = memory_module(inside, mapping);

	if (one == NULL)
		return true;
	if (inside->settings->random > 0)
		return set_all_by_chance(process, mapping, one);
	for (uint32_t i = 0; i < mapping->module->insn_count; i++)
		if (memory_wants(inside, &one->insns[i]) && !set_trap(process, mapping, i))
			return false;
	return true;
}

/* BREAKPOINT_SET marks instructions whose breakpoints have been set once, here or in the parent of a child. */
static bool mark_set(const struct mapping *mapping)
{
	bool any = false;

	for (uint32_t i = 0; i < mapping->module->insn_count; i++)
		if (mapping->set[i] == BREAKPOINT_NEVER) {
			mapping->set[i] = BREAKPOINT_SET;
			any = true;
		}
	return any;
}

static void look(struct inside *inside, struct inside_process *process, bool inherits)
{
	process->paused = false;
	process_scan(process->space, process->space->pid, inside->settings, inside->result);
	publish(inside, process);
	for (const struct mapping *mapping = process->space->mappings; mapping != NULL; mapping = mapping->next)
		if (mark_set(mapping) && !inherits && !process->let_go && process->list != 0 &&
		    !set_new(inside, process, mapping))
			cell_of(inside, process)->own = 1;
}

/* A process is to be traced. The tracer can name any of its threads. A child possibly hasn't met the tool yet. */
static void let_go(struct inside *inside, pid_t tid)
{
	struct inside_process *process;
	pid_t pid;

	if (!proc_process(tid, &pid))
		return;
	process = process_named(inside, pid);
	if (process == NULL)
		inside->awaited = pid;
	if (process == NULL || process->let_go)
		return;
	inside->result->tracing++;
	restore(inside, process);
}

static void spare(struct inside *inside, struct inside_process *process)
{
	if (process->let_go)
		return;
	inside->result->spared++;
	restore(inside, process);
}

uint64_t inside_answer(struct inside *inside, const struct agent_slot *slot)
{
	struct inside_process *process;
	uint64_t cell;

	if (slot->request == AGENT_HELLO || slot->request == AGENT_FORKED) {
		cell = greet(inside, slot);
		process = process_named(inside, slot->pid);
		if (cell != 0 && slot->request == AGENT_FORKED) {
			look(inside, process, true);
			if (process->let_go)
				restore(inside, process);
		}
		return cell;
	}
	process = process_named(inside, slot->pid);
	if (process == NULL)
		return 0;
	if (slot->request == AGENT_SCAN)
		look(inside, process, false);
	else if (slot->request == AGENT_PAUSE)
		process->paused = true;
	else if (slot->request == AGENT_SPARE)
		spare(inside, process);
	else if (slot->request == AGENT_LET_GO)
		let_go(inside, slot->other);
	return process->cell;
}

bool inside_lives(struct inside *inside)
{
	struct inside_process *next;

	for (struct inside_process *process = inside->processes; process != NULL; process = next) {
		struct pollfd poll_one = {.fd = process->handle, .events = POLLIN};

		next = process->next;
		if (process->handle < 0 || poll(&poll_one, 1, 0) > 0)
			end_process(inside, process);
	}
	return inside->processes != NULL;
}

/* In a random run: sections that rest get a breakpoint in each process. */
static void wake(struct inside *inside, const struct inside_module *one, uint32_t section)
{
	for (const struct inside_process *process = inside->processes; process != NULL; process = process->next)
		for (const struct mapping *mapping = process->space->mappings; mapping != NULL; mapping = mapping->next)
			if (mapping->module == one->module && !process->paused && !process->let_go &&
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
			const struct inside_module *one = inside->modules;

			while (one != NULL && one->module != mapping->module)
				one = one->next;
			for (uint32_t i = 0; one != NULL && i < mapping->module->insn_count; i++)
				if (mapping->set[i] == BREAKPOINT_SET &&
				    one->insns[i].reached + one->insns[i].idle > 0 && memory_wants(inside, &one->insns[i]) &&
				    !set_trap(process, mapping, i))
					__atomic_store_n(&cell_of(inside, process)->again, 1, __ATOMIC_RELAXED);
		}
	}
}

void inside_forget(struct inside *inside)
{
	while (inside->processes != NULL)
		end_process(inside, inside->processes);
}
