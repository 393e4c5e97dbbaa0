/* SPDX-License-Identifier: MIT */
/*
 * inside_memory.c - makes the memory that `rseqkit torture --inside` (the tool) shares with its agents, and the tables of the
 * modules in it. An agent is the object that the tool preloads into each process. A cell is the entry of a process in this
 * memory. The cell refers to a list of the process's modules.
 *
 * The memory of a module's tables is never given back. The memory of a cell is used again only for another cell, and the memory
 * of a list only for another list of the same size. It is used again as late as possible: when no unused memory is left. For
 * some time after a process has ended, its child possibly still uses the process's cell. The invariant: the tool keeps its own
 * copy of all positions and sizes, and reads only counts and requests from the memory.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "inside.h"
#include "tool.h"

#define PAGE 4096
#define ROOM_LEAST ((uint64_t)64 << 10)

/* The limit of the size of files (RLIMIT_FSIZE) also limits this memory. */
static uint64_t room_allowed(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur >= AGENT_ROOM)
		return AGENT_ROOM;
	return (uint64_t)limit.rlim_cur & ~(uint64_t)(PAGE - 1);
}

bool memory_begin(struct inside *inside)
{
	void *memory = MAP_FAILED;

	inside->room = room_allowed();
	inside->memory = memfd_create("rseqkit-torture", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (inside->memory >= 0)
		errno = EFBIG;
	if (inside->memory >= 0 && inside->room >= ROOM_LEAST && ftruncate(inside->memory, (off_t)inside->room) == 0 &&
	    fcntl(inside->memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0)
		memory = mmap(NULL, inside->room, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, inside->memory, 0);
	if (memory == MAP_FAILED) {
		complain("cannot make shared memory: %s", strerror(errno));
		if (inside->memory >= 0)
			close(inside->memory);
		return false;
	}
	inside->shared = (struct agent_shared *)memory;
	inside->used = sizeof(*inside->shared);
	inside->shared->tool = getpid();
	inside->shared->moves = (uint32_t)inside->moves;
	inside->shared->reach = inside->settings->reach;
	inside->shared->rounds = inside->settings->rounds;
	inside->shared->random = inside->settings->random;
	inside->shared->confirmed = inside->settings->random > 0 ? inside->result->confirmed : 0;
	inside->shared->seed = (inside->settings->seed + inside->result->runs + 1) * 0x9e3779b97f4a7c15ull;
	life_begin(inside);
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
	for (size_t i = 0; i < sizeof(inside->left) / sizeof(inside->left[0]); i++)
		while (inside->left[i].first != NULL) {
			struct inside_room *next = inside->left[i].first->next;

			free(inside->left[i].first);
			inside->left[i].first = next;
		}
	life_end();
	munmap(inside->shared, inside->room);
	close(inside->memory);
}

/* Takes `size` bytes that were never used before, and returns their position. Returns 0 if fewer bytes are left. */
static uint64_t take(struct inside *inside, uint64_t size)
{
	const uint64_t position = (inside->used + 63) & ~(uint64_t)63;

	if (position < inside->room && size <= inside->room - position) {
		inside->used = position + size;
		return position;
	}
	if (!inside->full)
		complain("the shared memory is full (%llu KiB): new modules and processes possibly aren't aborted",
			 (unsigned long long)inside->room >> 10);
	inside->full = true;
	return 0;
}

static uint64_t size_of(unsigned kind)
{
	return kind == MEMORY_CELL ? sizeof(struct agent_cell) : 2 * (uint64_t)MEMORY_LIST_SIZE((uint64_t)1 << kind);
}

uint64_t memory_take(struct inside *inside, unsigned kind)
{
	struct inside_left *left = &inside->left[kind];
	struct inside_room *room = left->first;
	uint64_t position = 0;

	if (room == NULL || inside->used + size_of(kind) + 64 <= inside->room)
		return take(inside, size_of(kind));
	left->first = room->next;
	if (room->next == NULL)
		left->last = NULL;
	position = room->position;
	free(room);
	memset((char *)inside->shared + position, 0, size_of(kind));
	return position;
}

void memory_give(struct inside *inside, unsigned kind, uint64_t position)
{
	struct inside_left *left = &inside->left[kind];
	struct inside_room *room = position != 0 ? (struct inside_room *)calloc(1, sizeof(*room)) : NULL;

	if (room == NULL)
		return;
	room->position = position;
	if (left->last != NULL)
		left->last->next = room;
	else
		left->first = room;
	left->last = room;
}

bool memory_wants(const struct inside *inside, const struct agent_insn *insn)
{
	if (!insn->usable)
		return false;
	if (insn->idle + insn->injected - insn->confirmed >= AGENT_REFUSED_MAX)
		return false;
	return inside->settings->reach ? insn->reached == 0 : insn->confirmed < inside->settings->rounds;
}

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
		/*
		 * After a trap, the instruction pointer is up to AGENT_TRAP_MOVES_MAX bytes further on. If the section's last
		 * instruction isn't longer than this, a trap in its place would lead the thread out of the section.
		 */
		insns[i].usable = insn->size >= AGENT_TRAP_SIZE && !(insn->last && insn->size <= AGENT_TRAP_MOVES_MAX) &&
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
	sections = (sizeof(*shared) + 63) & ~(uint64_t)63;
	insns = (sections + module->section_count * sizeof(struct agent_section) + 63) & ~(uint64_t)63;
	position = take(inside, insns + module->insn_count * sizeof(struct agent_insn));
	one = position != 0 ? (struct inside_module *)calloc(1, sizeof(*one)) : NULL;
	if (one == NULL)
		return NULL;
	sections += position;
	insns += position;
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
