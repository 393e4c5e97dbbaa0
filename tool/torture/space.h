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
	bool seen, was_seen;          /* the last scan, and the scan before it, found the module. A thread's `place` can be in a
					 mapping whose module wasn't found */
	bool listed;                  /* with --inside: the process's agent knows it */
	struct mapping *next;
};

/*
 * How many sections of a process can rest at once, that is, have no breakpoints until a thread passes. One isn't enough, because
 * the abort handler of one section can lead to another section.
 */
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
	uint8_t code[CODE_MAX], replaced[CODE_MAX]; /* the instruction, and the bytes that the copy overwrites */
	uint8_t size;     /* of the instruction */
	bool set;         /* the breakpoint is in memory */
	bool copied;      /* the copy is in memory */
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
	struct process *next_open;    /* the next process in the list of processes whose memory is open */
	struct mapping *mappings;
	struct extra extras[EXTRAS];
	uint64_t round;               /* the last call of strike_again() that handled this process, by its number */
	unsigned handles;             /* after this many more stops, the tool looks again for a handler of SIGTRAP */
	struct place resting[RESTS];  /* a place in each section that rests; mapping NULL: none */
	bool inside;                  /* process_scan() sets no breakpoints: see inside.h */
	bool spared;                  /* no section is aborted here: see spare_process() */
	bool inherits;                /* during the first scan: breakpoints that are already there are ours */
	bool unloads;                 /* the program has unloaded a module with sections */
	uint64_t thread_local;        /* bytes that each thread has for the modules of the last scan */
	pid_t paused;                 /* an untraced process that shares this memory, so no breakpoints are set; 0: none */
};

/* Makes an empty address space with one thread, and opens its memory. Returns NULL if memory is short. */
struct process *process_new(pid_t pid);

/* Adds a module to the process. Returns NULL if memory is short. */
struct mapping *process_add_mapping(struct process *process, struct module *module, uint64_t bias);

/* copy.c: makes the address space of a child of fork. Adds to the result the modules that the parent's last scan didn't find. */
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
 * Finds the modules that the program has loaded or unloaded since the last scan. Adds new modules to the result, and sets
 * breakpoints in them. `tid` is a thread of the process that hasn't ended. Returns false if a module couldn't be read, because
 * memory or descriptors are short.
 */
bool process_scan(struct process *process, pid_t tid, const struct torture_settings *settings, struct torture_result *result);

/* memory.c: finds the instruction at an address. Returns false if no instruction of a section begins there. */
bool process_find(const struct process *process, uint64_t address, struct place *place);

/* place_insn() returns the instruction at the place. place_address() returns the instruction's address in the process. */
struct torture_insn *place_insn(const struct place *place);
uint64_t place_address(const struct place *place);

/* Sets the breakpoint of a place. Returns whether the place has its breakpoint then. */
bool process_set(struct process *process, const struct place *place);

/* Removes the breakpoint of a place. Returns false if the memory can't be written. */
bool process_clear(struct process *process, const struct place *place);

/*
 * process_suspend() removes the breakpoints of the place's section, so that threads pass without a stop. process_resume() sets
 * these breakpoints again. process_suspend_one() makes process_resume() also set the place's own breakpoint.
 */
void process_suspend(struct process *process, const struct place *place);
void process_suspend_one(const struct place *place);
void process_resume(struct process *process, const struct place *place);

/*
 * extra_copy() writes the copy of the instruction, and returns false if this isn't possible. extra_remove_copies() removes all
 * copies. Call it only while no thread executes a copy.
 */
bool extra_copy(struct process *process, enum extra_kind kind);
void extra_remove_copies(struct process *process);

/*
 * extra_set() sets a breakpoint outside the sections. extra_set_end() moves the breakpoint `kind` to the end of the place's
 * section, and sets it. Both return whether the breakpoint is set then. extra_clear() removes the breakpoint.
 */
bool extra_set(struct process *process, enum extra_kind kind);
bool extra_set_end(struct process *process, enum extra_kind kind, const struct place *place);
void extra_clear(struct process *process, enum extra_kind kind);

/* Removes all breakpoints that are in sections. */
void process_clear_sections(struct process *process);

/*
 * `ip` is the instruction pointer of a thread that a trap stopped. Is this trap still in memory? If the tool has no breakpoint
 * there, the trap is the program's own. Without a trap in memory, the tool has removed its breakpoint since the thread stopped.
 */
bool process_has_trap(struct process *process, uint64_t ip);

/* Removes all breakpoints. */
void process_clear_all(struct process *process);

/*
 * process_pause() removes all breakpoints. Until process_go_on(), none are set. The process `pid` shares this memory.
 * process_go_on() sets the breakpoints again, and makes a scan.
 */
void process_pause(struct process *process, pid_t pid);
void process_go_on(struct process *process, pid_t tid, const struct torture_settings *settings, struct torture_result *result);

/*
 * From now on, no breakpoints are set in sections. This call removes all breakpoints except that at ptrace(). With `all`, it also
 * removes the breakpoint at ptrace().
 */
void process_spare(struct process *process, bool all);

/*
 * process_inherit() notes the breakpoints that a child has inherited: it looks into the child's memory for traps. It looks only
 * at instructions at which the parent ever had a breakpoint; with `all`, at every instruction. extra_inherit() notes whether the
 * child has inherited the breakpoint `kind`.
 */
void process_inherit(struct process *process, struct mapping *mapping, bool all);
void extra_inherit(struct process *process, enum extra_kind kind);

/*
 * Has the tool's trap replaced the beginning of the instruction in memory? A later byte of the instruction is possibly also a
 * trap: that of another instruction, which begins within this instruction.
 */
bool process_has_ours(struct process *process, uint64_t address, const uint8_t *code, size_t size);

/* If the tool's trap is there, restores the instruction. Returns false if the memory can't be accessed. */
bool process_take_trap(struct process *process, uint64_t address, const uint8_t *code, size_t size);

/* Removes the breakpoints of a mapping of which no page is the file's code any more. */
void process_leave(struct process *process, struct mapping *mapping);

/* Sets the breakpoints that are wanted in a module. */
void process_set_mapping(struct process *process, struct mapping *mapping, const struct torture_settings *settings);

/*
 * In a random run: sets a breakpoint at a random instruction of the section, or at no instruction. All these choices are equally
 * probable. Returns false if it set no breakpoint.
 */
bool process_set_random(struct process *process, struct mapping *mapping, uint32_t section);

/* process_open() opens the process's memory if it isn't open, and returns whether it is open then. process_close() closes it. */
bool process_open(struct process *process);
void process_close(struct process *process);

/*
 * process_files() returns how many file descriptors the tool may use for all processes together. The caller of process_hold()
 * uses `count` of these descriptors for other files than memory.
 */
unsigned process_files(void);
void process_hold(unsigned count);

/* Both return false if they couldn't transfer all `size` bytes. */
bool process_read(struct process *process, uint64_t address, void *to, size_t size);
bool process_write(struct process *process, uint64_t address, const void *from, size_t size);

#endif /* RK_TOOL_TORTURE_SPACE_H */
