/* SPDX-License-Identifier: MIT */
/*
 * space.h - one address space that is tortured: its modules, and the breakpoints in them.
 *
 * A breakpoint is an instruction that stops the thread, written over the program's own. The invariant: for each instruction that
 * has ever had a breakpoint in this address space, `original` has the program's bytes. So a trap at a known instruction is always
 * ours, also if another thread has removed the breakpoint meanwhile, or if a child of fork has inherited it.
 */
#ifndef RK_TOOL_TORTURE_SPACE_H
#define RK_TOOL_TORTURE_SPACE_H

#include "machine.h"
#include "torture.h"

/* The breakpoint of an instruction: it never had one, has one, had one, or has none while another thread passes. */
enum { BREAKPOINT_NEVER, BREAKPOINT_SET, BREAKPOINT_CLEARED, BREAKPOINT_SUSPENDED };

/* A module in an address space. */
struct mapping {
	struct module *module;
	uint64_t bias;                /* added to the file's addresses */
	uint8_t *set;                 /* for each instruction, one of BREAKPOINT_... */
	uint8_t (*original)[TRAP_MAX];
	bool seen;                    /* by the scan that is going on */
	struct mapping *next;
};

/* Breakpoints outside the sections. Threads pass them without an abort. */
enum extra_kind {
	EXTRA_LINKER,    /* where the dynamic linker reports modules */
	EXTRA_PTRACE,    /* the C library's functions of these names */
	EXTRA_SIGACTION,
	EXTRA_END,       /* the end of a section, while a thread waits for another one to pass */
	EXTRAS
};

struct extra {
	uint64_t address; /* 0: none */
	uint8_t original[TRAP_MAX];
	bool set;
	unsigned passed;  /* visits that meant nothing. After many of them the breakpoint isn't set again */
};

struct process {
	pid_t pid;
	unsigned users;               /* threads in this address space */
	int memory;                   /* /proc/PID/mem */
	struct mapping *mappings;
	struct extra extras[EXTRAS];
	unsigned handles;             /* breakpoints until the next look for a handler of SIGTRAP */
	bool spared;                  /* no section is aborted here, because the program handles SIGTRAP itself */
};

/* A place in a process: an instruction of a mapping. */
struct place {
	struct mapping *mapping;
	uint32_t insn;
};

struct process *process_new(pid_t pid);

/* The address space of a child of fork. */
struct process *process_copy(const struct process *parent, pid_t pid);

/* A thread less uses the address space. The last one releases it. */
void process_release(struct process *process);

/*
 * Looks for modules that are new or gone. Adds new ones to the result, and sets breakpoints in them. No thread of the process
 * may execute a module's sections meanwhile.
 */
void process_scan(struct process *process, const struct torture_settings *settings, struct torture_result *result);

/* Finds the instruction at an address. Returns false if it is no instruction of a section. */
bool process_find(const struct process *process, uint64_t address, struct place *place);

struct torture_insn *place_insn(const struct place *place);
uint64_t place_address(const struct place *place);

bool process_set(struct process *process, const struct place *place);
void process_clear(struct process *process, const struct place *place);

/* Lets threads pass the section of the place without a stop, and ends this. */
void process_suspend(struct process *process, const struct place *place);
void process_suspend_one(const struct place *place);
void process_resume(struct process *process, const struct place *place);

/* Sets or removes a breakpoint outside the sections. */
bool extra_set(struct process *process, enum extra_kind kind);
void extra_clear(struct process *process, enum extra_kind kind);

/* Removes the breakpoints in sections. */
void process_clear_sections(struct process *process);

/* Removes all breakpoints. */
void process_clear_all(struct process *process);

/* In a random run: sets a breakpoint at a random instruction of the section. */
void process_set_random(struct process *process, struct mapping *mapping, uint32_t section);

bool process_read(const struct process *process, uint64_t address, void *to, size_t size);
bool process_write(const struct process *process, uint64_t address, const void *from, size_t size);

#endif /* RK_TOOL_TORTURE_SPACE_H */
