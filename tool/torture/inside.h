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
	int handle;               /* a pidfd; -1: none */
	uint64_t started;         /* in clock ticks after the machine's start */
	bool paused;              /* nothing may be written to the process: a module is about to be unmapped */
	bool let_go;              /* no breakpoints any more: another process traces it, or it blocks SIGTRAP */
	uint64_t cell, list;      /* positions of the process's cell and list of modules; 0: none */
	unsigned list_kind;       /* the kind of the list's room */
	uint32_t generation;      /* how often the list was replaced */
	uint64_t list_left;       /* the room of the previous list, until the new list is shown; 0: none */
	unsigned left_kind;       /* the kind of that room */
	struct agent_list *shown; /* a copy of the list */
	struct inside_process *next;
};

/* The kinds of room: for a cell, or for a list of up to 2^kind modules. */
enum { MEMORY_CELL = 0, MEMORY_LIST = 2, MEMORY_KINDS = 17 };

/* The size of a list, which begins at a multiple of 64 bytes. */
#define MEMORY_LIST_SIZE(entries) ((sizeof(struct agent_list) + (entries) * sizeof(struct agent_entry) + 63) & ~(uint64_t)63)

/* Free room that processes had before. The room that is free for the longest time is the first. */
struct inside_room {
	uint64_t position;
	struct inside_room *next;
};

struct inside_left {
	struct inside_room *first, *last;
};

struct inside {
	const struct torture_settings *settings;
	struct torture_result *result;
	int memory;               /* a file in memory, which the agents open */
	struct agent_shared *shared;
	uint64_t room, used;      /* bytes that the memory has, and bytes that are in use */
	uint64_t unable;          /* how many processes can't write to their code */
	bool full;                /* there was no room for a module or a process */
	struct inside_left left[MEMORY_KINDS];
	struct inside_module *modules;
	struct inside_process *processes;
	unsigned handles;         /* open pidfds */
	bool alone;               /* all children of the tool are processes of the program */
	bool stopping;            /* the processes that are left go on without torture */
	pid_t first;              /* the program's first process */
	pid_t awaited;            /* a process that is to be traced, and that hasn't met the tool yet; 0: none */
};

/* Runs the program to its end. Returns EXIT_CLEAN, or EXIT_USAGE with a message. */
int inside_run(const struct torture_settings *settings, struct torture_result *result);

/*
 * inside_memory.c. memory_begin() makes the shared memory. If that fails, it prints a message and returns false. memory_end()
 * adds the counts to the result, and frees the memory.
 */
bool memory_begin(struct inside *inside);
void memory_end(struct inside *inside);

/*
 * memory_take() takes room for a cell, or for both halves of a list, and clears the room. Returns the room's position, or 0 if no
 * room is left. memory_give() gives room back.
 */
uint64_t memory_take(struct inside *inside, unsigned kind);
void memory_give(struct inside *inside, unsigned kind, uint64_t position);

/* Returns the tables of the mapping's module, and makes them if necessary. Returns NULL if there is no room. */
struct inside_module *memory_module(struct inside *inside, const struct mapping *mapping);

/* Are more aborts wanted at this instruction? */
bool memory_wants(const struct inside *inside, const struct agent_insn *insn);

/* inside_lists.c: makes the process's list of modules. Returns false if there is no room for a list. */
bool list_publish(struct inside *inside, struct inside_process *process);

/* Gives back the room of a process that has ended. */
void list_forget(struct inside *inside, struct inside_process *process);

/* Forgets the modules that the last scan didn't see. */
void list_drop_gone(struct inside_process *process);

/* inside_life.c: if the tool is killed after life_begin() and before life_end(), the kernel tells the agents. */
void life_begin(struct inside *inside);
void life_end(void);

/*
 * inside_probe.c. probe_trap() returns whether programs can be tortured from inside on this machine. probe_program() returns
 * whether the agent can be preloaded into this program. If not, both print a message.
 */
bool probe_trap(void);
bool probe_program(char *const *command);

/*
 * inside_handle.c. handle_open() notes when the process was started, and with `allowed` opens a handle. handle_close() closes the
 * handle. handle_lives() returns whether the process still exists.
 */
void handle_open(struct inside *inside, struct inside_process *process, bool allowed);
void handle_close(struct inside *inside, struct inside_process *process);
bool handle_lives(const struct inside_process *process);

/* inside_traps.c: removes the breakpoints of a module. Returns false if the kernel refuses. */
bool traps_remove(const struct inside *inside, struct process *space, const struct mapping *mapping);

/* Removes the process's breakpoints for good. */
void traps_restore(const struct inside *inside, struct inside_process *process);

/* Sets the breakpoints that are wanted in a module. */
void traps_set(struct inside *inside, struct inside_process *process, struct mapping *mapping);

/*
 * Gives the mapping's new instructions the state BREAKPOINT_SET. With --inside, this state means that a breakpoint was set
 * once, in this process or in its parent. Returns whether there are new instructions.
 */
bool traps_mark(const struct mapping *mapping);

/* inside_process.c: answers a request. Returns the process's cell, or 0 if the process can't be tortured. */
uint64_t inside_answer(struct inside *inside, const struct agent_slot *slot);

/* Forgets processes that have ended. Returns false if no process is left. */
bool inside_lives(struct inside *inside);

/* Sets breakpoints again that are still wanted, and that threads have removed. */
void inside_set_again(struct inside *inside);

/* In a random run: sets breakpoints in the sections that have rested. */
void inside_wake(struct inside *inside);

/* Removes all breakpoints from all processes. */
void inside_restore(struct inside *inside);

/* Forgets all processes. */
void inside_forget(struct inside *inside);

#endif /* RK_TOOL_TORTURE_INSIDE_H */
