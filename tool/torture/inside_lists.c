/* SPDX-License-Identifier: MIT */
/*
 * inside_lists.c - makes the list of a process's modules in the shared memory, which the process's agent reads.
 *
 * The invariant: a process has a breakpoint only while the breakpoint's module is in the process's list. So if there is no memory
 * for a longer list, further modules get no breakpoints. The memory of a list has two halves. The tool writes a new list to the
 * half to which the process's cell doesn't refer, and then changes cell->list. This word has a number that is different for each
 * new list. An agent that read a half while the tool wrote to it finds another number afterwards, and reads again.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "inside.h"

/* Has the module had breakpoints in this process? */
static bool is_old(const struct mapping *mapping)
{
	for (uint32_t i = 0; i < mapping->module->insn_count; i++)
		if (mapping->set[i] == BREAKPOINT_SET)
			return true;
	return false;
}

/* Adds modules until the list has `room` entries: with `old` those that had breakpoints before, otherwise the others. */
static void add_entries(struct inside *inside, struct inside_process *process, bool old, struct agent_list *list, uint64_t room)
{
	for (struct mapping *mapping = process->space->mappings; mapping != NULL; mapping = mapping->next) {
		const struct module *module = mapping->module;
		const struct inside_module *one;

		if (!mapping->seen || is_old(mapping) != old)
			continue;
		one = memory_module(inside, mapping);
		mapping->listed = one != NULL && list->count < room;
		if (mapping->listed)
			list->entries[list->count++] = (struct agent_entry){
				.low = module->insns[0].address + mapping->bias,
				.high = module->insns[module->insn_count - 1].address + mapping->bias + 1,
				.bias = mapping->bias,
				.module = one->position,
			};
	}
}

/* If necessary and possible, takes memory for a list of `count` entries. Returns how many entries the list can have now. */
static uint64_t grow(struct inside *inside, struct inside_process *process, uint64_t count)
{
	uint64_t position;
	unsigned kind = MEMORY_LIST;

	while (kind < MEMORY_KINDS - 1 && count > (uint64_t)1 << kind)
		kind++;
	position = process->list == 0 || kind > process->list_kind ? memory_take(inside, kind) : 0;
	if (position != 0) {
		process->list_left = process->list;
		process->left_kind = process->list_kind;
		process->list = position;
		process->list_kind = kind;
	}
	return process->list != 0 ? (uint64_t)1 << process->list_kind : 0;
}

/* Copies the list into the other half of its memory, and lets the agent see this half. */
static void show(struct inside *inside, struct inside_process *process, const struct agent_list *list, size_t size)
{
	struct agent_cell *cell = (struct agent_cell *)((char *)inside->shared + process->cell);
	uint64_t position = process->list;
	struct agent_list *shared;

	process->generation++;
	if (process->generation % 2 != 0)
		position += MEMORY_LIST_SIZE((uint64_t)1 << process->list_kind);
	shared = (struct agent_list *)((char *)inside->shared + position);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	for (size_t i = 0; i < size / sizeof(uint64_t); i++)
		__atomic_store_n((uint64_t *)shared + i, ((const uint64_t *)list)[i], __ATOMIC_RELAXED);
	__atomic_store_n(&cell->list, (uint64_t)process->generation << 32 | position, __ATOMIC_RELEASE);
	if (process->list_left != 0)
		memory_give(inside, process->left_kind, process->list_left);
	process->list_left = 0;
}

bool list_publish(struct inside *inside, struct inside_process *process)
{
	struct agent_list *list;
	uint64_t count = 0, room;
	size_t size;

	for (const struct mapping *mapping = process->space->mappings; mapping != NULL; mapping = mapping->next)
		count += mapping->seen;
	list = (struct agent_list *)calloc(1, sizeof(*list) + count * sizeof(list->entries[0]));
	room = list != NULL ? grow(inside, process, count) : 0;
	if (room == 0) {
		free(list);
		return false;
	}
	add_entries(inside, process, true, list, room);
	add_entries(inside, process, false, list, room);
	size = sizeof(*list) + list->count * sizeof(list->entries[0]);
	if (process->shown == NULL || process->shown->count != list->count || memcmp(process->shown, list, size) != 0)
		show(inside, process, list, size);
	free(process->shown);
	process->shown = list;
	return true;
}

void list_forget(struct inside *inside, struct inside_process *process)
{
	memory_give(inside, MEMORY_CELL, process->cell);
	memory_give(inside, process->list_kind, process->list);
	free(process->shown);
}

void list_drop_gone(struct inside_process *process)
{
	struct mapping **place = &process->space->mappings;

	while (*place != NULL) {
		struct mapping *mapping = *place;

		if (mapping->seen) {
			place = &mapping->next;
			continue;
		}
		*place = mapping->next;
		free(mapping->set);
		free(mapping->ends);
		free(mapping);
	}
}
