/* SPDX-License-Identifier: MIT */
/*
 * inside_memory.c - makes the memory that is shared with the agents, and the tables of the modules in it.
 *
 * Room is taken and never given back, so an agent's position stays valid. The invariant: the tool keeps its own positions and
 * sizes, and reads nothing but counts from the memory.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "inside.h"
#include "tool.h"

bool memory_begin(struct inside *inside)
{
	void *memory = MAP_FAILED;

	inside->memory = memfd_create("rseqkit-torture", MFD_CLOEXEC);
	if (inside->memory >= 0 && ftruncate(inside->memory, (off_t)AGENT_ROOM) == 0)
		memory = mmap(NULL, AGENT_ROOM, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, inside->memory, 0);
	if (memory == MAP_FAILED) {
		complain("cannot make shared memory: %s", strerror(errno));
		if (inside->memory >= 0)
			close(inside->memory);
		return false;
	}
	inside->shared = (struct agent_shared *)memory;
	inside->used = sizeof(*inside->shared);
	inside->shared->tool = getpid();
	inside->shared->reach = inside->settings->reach;
	inside->shared->rounds = inside->settings->rounds;
	inside->shared->random = inside->settings->random;
	inside->shared->confirmed = inside->settings->random > 0 ? inside->result->confirmed : 0;
	inside->shared->seed = (inside->settings->seed + inside->result->runs + 1) * 0x9e3779b97f4a7c15ull;
	inside->shared->version = AGENT_VERSION;
	return true;
}

static void take_counts(struct inside *inside, const struct inside_module *one)
{
	for (uint32_t i = 0; i < one->module->insn_count; i++) {
		struct torture_insn *insn = &one->module->insns[i];
		const struct agent_insn *counted = &one->insns[i];

		inside->result->injected += counted->injected - insn->injected;
		inside->result->confirmed += counted->confirmed - insn->confirmed;
		inside->result->idle += counted->idle - insn->idle;
		inside->result->refused += counted->injected - insn->injected - (counted->confirmed - insn->confirmed);
		insn->reached = counted->reached;
		insn->idle = counted->idle;
		insn->injected = counted->injected;
		insn->confirmed = counted->confirmed;
	}
}

void memory_end(struct inside *inside)
{
	while (inside->modules != NULL) {
		struct inside_module *next = inside->modules->next;

		take_counts(inside, inside->modules);
		free(inside->modules);
		inside->modules = next;
	}
	inside->result->threads += inside->shared->threads;
	munmap(inside->shared, AGENT_ROOM);
	close(inside->memory);
}

uint64_t memory_take(struct inside *inside, uint64_t size)
{
	const uint64_t position = (inside->used + 63) & ~(uint64_t)63;

	if (position >= AGENT_ROOM || size > AGENT_ROOM - position)
		return 0;
	inside->used = position + size;
	return position;
}

bool memory_wants(const struct inside *inside, const struct agent_insn *insn)
{
	if (!insn->usable)
		return false;
	if (insn->idle + insn->injected - insn->confirmed >= AGENT_REFUSED_MAX)
		return false;
	return inside->settings->reach ? insn->reached == 0 : insn->confirmed < inside->settings->rounds;
}

/* Fills the tables. */
static void fill(const struct module *module, struct agent_section *sections, struct agent_insn *insns)
{
	static const uint8_t trap[] = AGENT_TRAP;

	for (uint32_t i = 0; i < module->section_count; i++)
		sections[i] = (struct agent_section){
			.end = module->sections[i].end,
			.abort = module->sections[i].abort,
			.first = catalog_find(module, module->sections[i].start),
			.count = module->sections[i].count,
		};
	for (uint32_t i = 0; i < module->insn_count; i++) {
		const struct torture_insn *insn = &module->insns[i];

		insns[i].address = insn->address;
		insns[i].section = insn->section;
		insns[i].reached = insn->reached;
		insns[i].idle = insn->idle;
		insns[i].injected = insn->injected;
		insns[i].confirmed = insn->confirmed;
		/* After a trap in place of a last instruction of one byte, the thread stands at the end of the section. */
		insns[i].usable = insn->size >= AGENT_TRAP_SIZE && !(insn->last && insn->size <= AGENT_TRAP_MOVES) &&
				  memcmp(insn->code, trap, AGENT_TRAP_SIZE) != 0;
		memcpy(insns[i].original, insn->code, AGENT_TRAP_SIZE);
	}
}

struct inside_module *memory_module(struct inside *inside, const struct mapping *mapping)
{
	const struct module *module = mapping->module;
	struct inside_module *one;
	struct agent_module *shared;
	uint64_t position, sections, insns;

	for (one = inside->modules; one != NULL; one = one->next)
		if (one->module == module)
			return one;
	position = memory_take(inside, sizeof(*shared));
	sections = memory_take(inside, module->section_count * sizeof(struct agent_section));
	insns = memory_take(inside, module->insn_count * sizeof(struct agent_insn));
	one = (struct inside_module *)calloc(1, sizeof(*one));
	if (one == NULL || position == 0 || sections == 0 || insns == 0) {
		free(one);
		return NULL;
	}
	one->module = mapping->module;
	one->position = position;
	one->insns = (struct agent_insn *)((char *)inside->shared + insns);
	one->sections = (struct agent_section *)((char *)inside->shared + sections);
	fill(module, one->sections, one->insns);
	shared = (struct agent_module *)((char *)inside->shared + position);
	*shared = (struct agent_module){insns, sections, module->insn_count, module->section_count};
	one->next = inside->modules;
	inside->modules = one;
	return one;
}
