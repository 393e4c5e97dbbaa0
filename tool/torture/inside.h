/* SPDX-License-Identifier: MIT */
/*
 * inside.h - tortures a program from inside: the program's own threads handle the breakpoints (agent/).
 *
 * The tool reads the sections, sets the breakpoints, and adds up the counts. It traces nothing.
 */
#ifndef RK_TOOL_TORTURE_INSIDE_H
#define RK_TOOL_TORTURE_INSIDE_H

#include "agent/shared.h"
#include "space.h"

/* The tables of a module in the shared memory. */
struct inside_module {
	struct module *module;
	uint64_t position;        /* of its struct agent_module */
	struct agent_insn *insns; /* as many as the module has */
	struct agent_section *sections;
	struct inside_module *next;
};

struct inside_process {
	struct process *space;
	int handle;               /* a pidfd */
	bool paused;              /* nothing may be written to the process: a module is about to be unmapped */
	bool let_go;              /* no breakpoints any more: another process traces it, or it blocks SIGTRAP */
	uint64_t cell, list;      /* positions */
	uint64_t list_size;       /* in bytes */
	struct inside_process *next;
};

struct inside {
	const struct torture_settings *settings;
	struct torture_result *result;
	int memory;               /* a file in memory, which the agents open */
	struct agent_shared *shared;
	uint64_t used;            /* bytes of the memory */
	struct inside_module *modules;
	struct inside_process *processes;
	pid_t first;
	pid_t awaited;            /* a process that is to be traced, and that hasn't met the tool yet; 0: none */
};

/* Runs the program to its end. Returns EXIT_CLEAN, or EXIT_USAGE with a message. */
int inside_run(const struct torture_settings *settings, struct torture_result *result);

/* inside_memory.c. memory_begin() returns false after a message. memory_end() also takes over the counts. */
bool memory_begin(struct inside *inside);
void memory_end(struct inside *inside);

/* Room for a table, of zeros. Returns its position, or 0 if there is no room. */
uint64_t memory_take(struct inside *inside, uint64_t size);

/* The tables of the mapping's module. NULL if there is no room. */
struct inside_module *memory_module(struct inside *inside, const struct mapping *mapping);

/* Are more aborts wanted at this instruction? */
bool memory_wants(const struct inside *inside, const struct agent_insn *insn);

/* inside_process.c: answers a request. Returns the process's cell; 0: it is none that can be tortured. */
uint64_t inside_answer(struct inside *inside, const struct agent_slot *slot);

/* Forgets processes that have ended. Returns false if there are no others. */
bool inside_lives(struct inside *inside);

/* Sets breakpoints again that are still wanted, and that threads have removed. */
void inside_set_again(struct inside *inside);

/* In a random run: sets breakpoints in the sections that have rested. */
void inside_wake(struct inside *inside);

void inside_forget(struct inside *inside);

#endif /* RK_TOOL_TORTURE_INSIDE_H */
