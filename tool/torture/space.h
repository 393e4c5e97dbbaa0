/* SPDX-License-Identifier: MIT */
/*
 * space.h - one address space that is tortured: its modules, and the breakpoints in them.
 *
 * A breakpoint is an instruction that stops the thread, written over the program's own. The invariant: an instruction has a
 * breakpoint only while its state says so, and its state also tells whether it ever had one. So the tool knows that a stop
 * there comes from its own breakpoint. This is so even if another thread has removed the breakpoint meanwhile, or if a child of
 * fork has inherited it.
 */
#ifndef RK_TOOL_TORTURE_SPACE_H
#define RK_TOOL_TORTURE_SPACE_H

#include "machine.h"
#include "torture.h"

/*
 * The state of an instruction. BREAKPOINT_OUTSIDE: its page isn't mapped as code. BREAKPOINT_NEVER: it never had a breakpoint.
 * BREAKPOINT_SET: it has one. BREAKPOINT_CLEARED: it had one. BREAKPOINT_SUSPENDED: it has none until another thread has passed
 * the section.
 */
enum { BREAKPOINT_OUTSIDE, BREAKPOINT_NEVER, BREAKPOINT_SET, BREAKPOINT_CLEARED, BREAKPOINT_SUSPENDED };

/* A module in an address space. */
struct mapping {
	struct module *module;
	uint64_t bias;                /* added to the file's addresses */
	uint8_t *set;                 /* for each instruction, one of BREAKPOINT_... */
	uint8_t *ends;                /* for each section: 1 if its end ever had a breakpoint */
	bool seen, was_seen;          /* by the last scan; by the one before. An unseen mapping can be a thread's `place` */
	bool listed;                  /* with --inside: the process's agent knows it */
	struct mapping *next;
};

/* How many sections can rest at once. There are several, because the abort handler of one section can lead to another section. */
enum { RESTS = 4 };

/* Breakpoints outside the sections. Threads pass them without an abort. */
enum extra_kind {
	EXTRA_LINKER,    /* where the dynamic linker reports modules */
	EXTRA_PTRACE,    /* the C library's functions of these names */
	EXTRA_SIGACTION,
	EXTRA_SIGMASK,
	EXTRA_PRCTL,
	EXTRA_FORK,
	EXTRA_END,       /* the end of a section, while a thread waits for another one to pass */
	EXTRA_REST,      /* the ends of sections that rest */
	EXTRAS = EXTRA_REST + RESTS
};

struct extra {
	uint64_t address; /* 0: none */
	uint64_t copy;    /* where a copy of the instruction can be executed; 0: nowhere */
	uint8_t code[CODE_MAX], replaced[CODE_MAX]; /* the instruction, and what was at the place of the copy */
	uint8_t size;     /* of the instruction */
	bool set;
	bool copied;      /* the copy is there */
};

/* A place in a process: an instruction of a mapping. */
struct place {
	struct mapping *mapping;
	uint32_t insn;
};

struct process {
	pid_t pid;
	unsigned users;               /* threads in this address space */
	int memory;                   /* /proc/PID/mem, or -1: see process_read() */
	struct process *next_open;    /* of those whose memory is open */
	struct mapping *mappings;
	struct extra extras[EXTRAS];
	uint64_t round;               /* of strike_again() */
	unsigned handles;             /* breakpoints until the next look for a handler of SIGTRAP */
	struct place resting[RESTS];  /* their sections have no breakpoint until a thread passes; mapping NULL: none */
	bool inside;                  /* process_scan() sets no breakpoints: see inside.h */
	bool spared;                  /* no section is aborted here: see spare_process() */
	bool inherits;                /* during the first scan: breakpoints that are already there are ours */
	bool unloads;                 /* a module has gone */
	uint64_t thread_local;        /* bytes that each thread has for the modules of the last scan */
	pid_t paused;                 /* no breakpoints: this process, which isn't traced, has the same memory. 0: none */
};

struct process *process_new(pid_t pid);

/* Adds a module to the process. Returns NULL if memory is short. */
struct mapping *process_add_mapping(struct process *process, struct module *module, uint64_t bias);

/* copy.c: makes the address space of a child of fork. Adds modules that the parent's scan hasn't seen to the result. */
struct process *process_copy(const struct process *parent, pid_t pid, const struct torture_settings *settings,
			     struct torture_result *result);

/*
 * Makes the address space of a child whose parent is unknown, because the parent died while it made the child. Call
 * process_scan() next.
 */
struct process *process_orphan(pid_t pid);

/* With --inside: a child gets the modules and breakpoints of its parent. Returns false if memory is short. */
bool process_take_mappings(struct process *process, const struct process *parent);

/* One thread less uses the address space. The last thread's call frees it. */
void process_release(struct process *process);

/*
 * Looks for modules that are new or gone. Adds new ones to the result, and sets breakpoints in them. `tid` is a thread of the
 * process that lives. Returns false if the modules couldn't all be looked at, because memory or descriptors are short.
 */
bool process_scan(struct process *process, pid_t tid, const struct torture_settings *settings, struct torture_result *result);

/* memory.c: finds the instruction at an address. Returns false if it is no instruction of a section. */
bool process_find(const struct process *process, uint64_t address, struct place *place);

struct torture_insn *place_insn(const struct place *place);
uint64_t place_address(const struct place *place);

bool process_set(struct process *process, const struct place *place);

/* Returns false if the memory can't be written. */
bool process_clear(struct process *process, const struct place *place);

/*
 * process_suspend() removes the breakpoints of the place's section, so that threads pass without a stop. process_suspend_one()
 * notes that the place is also to get its breakpoint again. process_resume() sets them again.
 */
void process_suspend(struct process *process, const struct place *place);
void process_suspend_one(const struct place *place);
void process_resume(struct process *process, const struct place *place);

/*
 * extra_copy() makes the copy of the instruction, if this is possible. extra_remove_copies() removes all copies; call it only
 * while no thread executes one.
 */
bool extra_copy(struct process *process, enum extra_kind kind);
void extra_remove_copies(struct process *process);

/* Sets or removes a breakpoint outside the sections. extra_set_end() does it at the end of the place's section. */
bool extra_set(struct process *process, enum extra_kind kind);
bool extra_set_end(struct process *process, enum extra_kind kind, const struct place *place);
void extra_clear(struct process *process, enum extra_kind kind);

/* Removes the breakpoints in sections. */
void process_clear_sections(struct process *process);

/* Does the program itself have a trap there? If not, another thread has removed the breakpoint meanwhile. */
bool process_has_trap(struct process *process, uint64_t ip);

/* Removes all breakpoints. */
void process_clear_all(struct process *process);

/* Sets no breakpoints any more, until process_go_on(). `pid` has the same memory. */
void process_pause(struct process *process, pid_t pid);
void process_go_on(struct process *process, pid_t tid, const struct torture_settings *settings, struct torture_result *result);

/* Sets no breakpoints in sections any more. Removes all breakpoints, or all except that of ptrace(). */
void process_spare(struct process *process, bool all);

/*
 * Notes the breakpoints that a child has from its parent: those that the child's memory has. With `all`, also looks at
 * instructions whose state doesn't say that the parent ever had a breakpoint there.
 */
void process_inherit(struct process *process, struct mapping *mapping, bool all);
void extra_inherit(struct process *process, enum extra_kind kind);

/*
 * Does memory have a trap in place of the instruction? A later byte of the instruction is possibly the trap of another
 * instruction, which begins within this one.
 */
bool process_has_ours(struct process *process, uint64_t address, const uint8_t *code, size_t size);

/* Puts the instruction back in place of a trap. Returns false if the memory can't be written. */
bool process_take_trap(struct process *process, uint64_t address, const uint8_t *code, size_t size);

/* Removes the breakpoints of a mapping of which no page is the file's code any more. */
void process_leave(struct process *process, struct mapping *mapping);

/* Sets the breakpoints that are wanted in a module. */
void process_set_mapping(struct process *process, struct mapping *mapping, const struct torture_settings *settings);

/*
 * In a random run: sets a breakpoint at a random instruction of the section. Setting none is as probable as each instruction;
 * the function then returns false.
 */
bool process_set_random(struct process *process, struct mapping *mapping, uint32_t section);

/* Opens the memory if it isn't open, and closes it. */
bool process_open(struct process *process);
void process_close(struct process *process);

/*
 * process_files() returns how many descriptors all processes together may take. By process_hold() the caller tells how many of
 * them it uses for something else than memory.
 */
unsigned process_files(void);
void process_hold(unsigned count);

bool process_read(struct process *process, uint64_t address, void *to, size_t size);
bool process_write(struct process *process, uint64_t address, const void *from, size_t size);

#endif /* RK_TOOL_TORTURE_SPACE_H */
