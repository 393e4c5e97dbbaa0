/* SPDX-License-Identifier: MIT */
/*
 * inside_process.c - answers the requests of the agents, and keeps the list of the processes to which these agents belong. An
 * agent is the object that `rseqkit torture --inside` (the tool) preloads into each process.
 *
 * The invariant: the tool writes a breakpoint only if the module is in the list that the process's agent reads. It writes nothing
 * while a module of this process is about to be unmapped. The tool opens a process's memory when the process's agent asks. After
 * an exec, writes to the old descriptor change nothing in the new program.
 */
#define _GNU_SOURCE
#include <stdlib.h>

#include "common/proc.h"
#include "inside.h"

static struct inside_process *process_named(const struct inside *inside, pid_t pid)
{
	struct inside_process *process;

	for (process = inside->processes; process != NULL; process = process->next)
		if (process->space->pid == pid)
			break;
	return process;
}

static struct agent_cell *cell_of(const struct inside *inside, const struct inside_process *process)
{
	return (struct agent_cell *)((char *)inside->shared + process->cell);
}

static void drop(struct inside *inside, struct inside_process *process)
{
	list_forget(inside, process);
	process_release(process->space);
	handle_close(inside, process);
	free(process);
}

/*
 * Did this process make the request? Its memory must have the random number of the request. A process in another PID namespace
 * has another process id there, so its request names a wrong process.
 */
static bool is_proved(struct process *space, const struct agent_slot *slot)
{
	uint64_t proof;

	return process_read(space, slot->proof_address, &proof, sizeof(proof)) && proof == slot->proof;
}

static void end_process(struct inside *inside, struct inside_process *process)
{
	struct inside_process **place = &inside->processes;

	while (*place != process)
		place = &(*place)->next;
	*place = process->next;
	drop(inside, process);
}

/*
 * A breakpoint in a module that isn't in the agent's list kills the process. A child of fork inherits its parent's breakpoints,
 * possibly also in modules that the child's list lacks. This function removes the breakpoints in such modules.
 */
static void strip(const struct inside *inside, struct process *space)
{
	for (const struct mapping *mapping = space->mappings; mapping != NULL; mapping = mapping->next)
		if (!mapping->listed)
			(void)traps_remove(inside, space, mapping);
}

/*
 * Copies the parent's mappings to a child. Returns false if the parent isn't known or memory is short. After false, the child's
 * first scan finds the modules.
 */
static bool inherit(const struct inside *inside, const struct agent_slot *slot, struct process *space)
{
	const struct inside_process *parent = inside->processes;

	while (parent != NULL && parent->cell != slot->cell)
		parent = parent->next;
	return parent != NULL && process_take_mappings(space, parent->space);
}

static bool is_new(const struct inside_process *old, const struct agent_slot *slot)
{
	return old == NULL || slot->request == AGENT_FORKED;
}

static void add_process(struct inside *inside, struct inside_process *process, const struct agent_slot *slot)
{
	struct inside_process *old = process_named(inside, slot->pid);

	if (is_new(old, slot))
		inside->result->processes++;
	else
		process->let_go = old->let_go;
	if (old != NULL)
		end_process(inside, old);
	handle_open(inside, process, inside->handles < process_files() / 2);
	process->next = inside->processes;
	inside->processes = process;
	if (!process->let_go && (inside->awaited == slot->pid || proc_tracer(slot->pid) != 0)) {
		process->let_go = true;
		inside->result->tracing++;
	}
	cell_of(inside, process)->let_go = process->let_go;
}

/* Looks for modules, and sets breakpoints in new modules. Returns false if it didn't find all modules, or if memory is short. */
static bool look(struct inside *inside, struct inside_process *process, bool inherits)
{
	bool done;

	process->paused = false;
	done = process_scan(process->space, process->space->pid, inside->settings, inside->result);
	done = list_publish(inside, process) && done;
	for (struct mapping *mapping = process->space->mappings; mapping != NULL; mapping = mapping->next)
		if (mapping->listed && traps_mark(mapping) && !inherits && !process->let_go)
			traps_set(inside, process, mapping);
	list_drop_gone(process);
	return done;
}

/* Adds a process that is new or has executed another program. Returns the position of its cell, or 0 if it gets no cell. */
static uint64_t greet(struct inside *inside, const struct agent_slot *slot)
{
	const bool inherits = slot->request == AGENT_FORKED;
	struct inside_process *process = (struct inside_process *)calloc(1, sizeof(*process));
	struct process *space = process_new(slot->pid);
	bool known, looked;

	if (process == NULL || space == NULL || !is_proved(space, slot)) {
		process_release(space);
		free(process);
		return 0;
	}
	space->inside = true;
	process->space = space;
	process->handle = -1;
	process->cell = memory_take(inside, MEMORY_CELL);
	known = inherits && inherit(inside, slot, space);
	looked = inherits && process->cell != 0 && look(inside, process, true);
	if (process->cell == 0 || (inherits && (process->list == 0 || (!known && !looked)))) {
		if (process->cell == 0)
			(void)process_scan(space, space->pid, inside->settings, inside->result);
		strip(inside, space);
		drop(inside, process);
		return 0;
	}
	add_process(inside, process, slot);
	if (inherits)
		strip(inside, space);
	if (inherits && process->let_go)
		traps_restore(inside, process);
	return process->let_go && !inherits ? 0 : process->cell;
}

/* Ends the torture of the process that has the thread `tid`, so that a tracer can trace it. */
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
	traps_restore(inside, process);
}

static void spare(struct inside *inside, struct inside_process *process)
{
	if (process->let_go)
		return;
	inside->result->spared++;
	traps_restore(inside, process);
}

/* Ends the torture of a process whose agent can't write to text any more. The tool tries to remove the breakpoints. */
static void end_unable(struct inside *inside, struct inside_process *process)
{
	inside->unable += !process->let_go;
	traps_restore(inside, process);
}

uint64_t inside_answer(struct inside *inside, const struct agent_slot *slot)
{
	struct inside_process *process;

	if (slot->request == AGENT_HELLO || slot->request == AGENT_FORKED)
		return greet(inside, slot);
	process = process_named(inside, slot->pid);
	if (process == NULL)
		return 0;
	if (slot->request == AGENT_SCAN)
		(void)look(inside, process, false);
	else if (slot->request == AGENT_PAUSE)
		process->paused = true;
	else if (slot->request == AGENT_SPARE)
		spare(inside, process);
	else if (slot->request == AGENT_UNABLE)
		end_unable(inside, process);
	else if (slot->request == AGENT_LET_GO)
		let_go(inside, slot->other);
	return process->cell;
}

bool inside_lives(struct inside *inside)
{
	struct inside_process *next;

	for (struct inside_process *process = inside->processes; process != NULL; process = next) {
		next = process->next;
		if (!handle_lives(process))
			end_process(inside, process);
	}
	return inside->processes != NULL;
}

void inside_restore(struct inside *inside)
{
	for (struct inside_process *process = inside->processes; process != NULL; process = process->next)
		traps_restore(inside, process);
}

void inside_forget(struct inside *inside)
{
	while (inside->processes != NULL)
		end_process(inside, inside->processes);
}
