/* SPDX-License-Identifier: MIT */
/*
 * inside.h - `rseqkit torture --inside`: a preloaded agent (agent/) runs in the program, and its signal handler handles the
 * breakpoints.
 *
 * The tool reads the critical sections, sets the breakpoints, and adds up the counts. It doesn't trace the program. The agents
 * share memory with the tool (agent/shared.h). In it each process has a cell, which refers to a list of the process's modules.
 * A module is an ELF file with sections. A position is a distance in bytes from the beginning of the shared memory. A random run
 * (--random) has one breakpoint in each section, at a random instruction.
 */
#ifndef RK_TOOL_TORTURE_INSIDE_H
#define RK_TOOL_TORTURE_INSIDE_H

#include "agent/shared.h"
#include "space.h"

/* The tables of a module in the shared memory. */
struct inside_module {
	struct module *module;
	uint64_t position;        /* position of the module's struct agent_module in the shared memory */
	struct agent_insn *insns; /* one for each instruction of the module */
	struct agent_section *sections;
	struct inside_module *next;
};

struct inside_process {
	struct process *space;
	int handle;               /* the process's pidfd; -1: none is open */
	uint64_t started;         /* when the process started, in clock ticks after the machine's start */
	bool paused;              /* the tool may not write to the process, because a module is about to be unmapped */
	bool let_go;              /* the process gets no breakpoints any more, because the torture of it has ended */
	uint64_t cell, list;      /* positions of the process's cell and list of modules in the shared memory; 0: none */
	unsigned list_kind;       /* the kind of the memory that the list has (MEMORY_LIST and greater) */
	uint32_t generation;      /* how often the list was replaced */
	uint64_t list_left;       /* the position of the previous list, until agents can see the new list; 0: none */
	unsigned left_kind;       /* the kind of the previous list's memory */
	struct agent_list *shown; /* a copy of the list that agents see */
	struct inside_process *next;
};

/* The kinds of pieces of the shared memory: a piece for a cell, or for a list of up to 2^kind modules. */
enum { MEMORY_CELL = 0, MEMORY_LIST = 2, MEMORY_KINDS = 17 };

/* The size of a list, rounded up to a multiple of 64 bytes. */
#define MEMORY_LIST_SIZE(entries) ((sizeof(struct agent_list) + (entries) * sizeof(struct agent_entry) + 63) & ~(uint64_t)63)

/* Pieces of one kind that processes had before and that are free now, in the order in which they became free. */
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
	int memory;               /* the file (memfd) of the shared memory, which the agents open */
	struct agent_shared *shared;
	int moves;                /* how many bytes a trap moves the instruction pointer (probe_trap()) */
	uint64_t room, used;      /* bytes of the shared memory: all of them, and those that are in use or were used */
	uint64_t unable;          /* how many processes can't write to their code */
	bool full;                /* the shared memory once had no bytes left for a module or a process */
	struct inside_left left[MEMORY_KINDS]; /* by kind */
	struct inside_module *modules;
	struct inside_process *processes;
	unsigned handles;         /* how many pidfds are open */
	bool alone;               /* all children of the tool are processes of the program */
	bool stopping;            /* the user has ended the torture; the program's remaining processes go on without it */
	pid_t first;              /* the program's first process */
	pid_t awaited;            /* a process that the program wants to trace, and whose agent hasn't made a request yet; 0: none */
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
 * memory_take() takes a piece of the shared memory for a cell, or for both halves of a list (inside_lists.c), and clears the
 * piece. Returns its position, or 0 if none is left. memory_give() gives a piece back.
 */
uint64_t memory_take(struct inside *inside, unsigned kind);
void memory_give(struct inside *inside, unsigned kind, uint64_t position);

/* Returns the tables of the mapping's module, and makes them if necessary. Returns NULL if memory is short. */
struct inside_module *memory_module(struct inside *inside, const struct mapping *mapping);

/* Are more aborts wanted at this instruction? */
bool memory_wants(const struct inside *inside, const struct agent_insn *insn);

/* inside_lists.c: makes the list of modules that the process's agent reads. Returns false if memory is short. */
bool list_publish(struct inside *inside, struct inside_process *process);

/* Gives back the cell and the list of a process that has ended. */
void list_forget(struct inside *inside, struct inside_process *process);

/* Removes the process's mappings whose modules the last scan didn't find. */
void list_drop_gone(struct inside_process *process);

/* inside_life.c: if the tool is killed between life_begin() and life_end(), the kernel notes this in the shared memory. */
void life_begin(struct inside *inside);
void life_end(void);

/*
 * inside_probe.c. probe_trap() tries a trap in a child, and returns how many bytes the trap moves the instruction pointer. If
 * programs can't be tortured from inside on this machine, it returns a negative number. probe_program() returns whether the agent
 * can be preloaded into this program. If not, both print a message.
 */
int probe_trap(void);
bool probe_program(char *const *command);

/*
 * inside_handle.c. handle_open() notes when the process was started, and with `allowed` opens a handle (pidfd). handle_close()
 * closes the handle. handle_lives() returns whether the process still exists.
 */
void handle_open(struct inside *inside, struct inside_process *process, bool allowed);
void handle_close(struct inside *inside, struct inside_process *process);
bool handle_lives(const struct inside_process *process);

/* inside_traps.c: removes the breakpoints of a module. Returns false if the kernel refuses. */
bool traps_remove(const struct inside *inside, struct process *space, const struct mapping *mapping);

/* Removes the process's breakpoints. After this call the process gets no breakpoints any more. */
void traps_restore(const struct inside *inside, struct inside_process *process);

/* Sets breakpoints at the module's instructions that need more aborts; in a random run, one in each section. */
void traps_set(struct inside *inside, struct inside_process *process, struct mapping *mapping);

/*
 * Gives the mapping's new instructions the state BREAKPOINT_SET. With --inside, this state means that a breakpoint was set
 * once, in this process or in its parent. Returns whether there are new instructions.
 */
bool traps_mark(const struct mapping *mapping);

/* inside_process.c: answers an agent's request. Returns the position of the process's cell, or 0 if it can't be tortured. */
uint64_t inside_answer(struct inside *inside, const struct agent_slot *slot);

/* Forgets processes that have ended. Returns false if no process is left. */
bool inside_lives(struct inside *inside);

/* Sets the breakpoints again that threads have removed and that are still wanted. */
void inside_set_again(struct inside *inside);

/* In a random run: sets a breakpoint in each section in which an agent has left none, so that threads could pass it. */
void inside_wake(struct inside *inside);

/* Removes all breakpoints from all processes. */
void inside_restore(struct inside *inside);

/* Frees what the tool knows of all processes. */
void inside_forget(struct inside *inside);

#endif /* RK_TOOL_TORTURE_INSIDE_H */
