/* SPDX-License-Identifier: MIT */
/*
 * space.h - an address space in which `rseqkit torture` (the tool) aborts critical sections: its modules, which are ELF files
 * with sections, and the breakpoints in them.
 *
 * A trap is an instruction that stops the thread. A breakpoint is a trap that the tool has written over an instruction of the
 * program. The invariant: an instruction has a breakpoint only while its state is BREAKPOINT_SET. The state also says whether
 * the instruction ever had a breakpoint. The tool therefore recognises a stop at its own breakpoint, even if another thread has
 * removed the breakpoint meanwhile, or if a child of fork has inherited it.
 */
#ifndef RK_TOOL_TORTURE_SPACE_H
#define RK_TOOL_TORTURE_SPACE_H

#include "arch/machine.h"
#include "torture.h"

/*
 * The state of an instruction. BREAKPOINT_OUTSIDE: its page isn't mapped as code. BREAKPOINT_NEVER: it never had a breakpoint.
 * BREAKPOINT_SET: it has a breakpoint. BREAKPOINT_CLEARED: its breakpoint was removed. BREAKPOINT_SUSPENDED: it gets a breakpoint
 * again when another thread has passed the section.
 */
enum { BREAKPOINT_OUTSIDE, BREAKPOINT_NEVER, BREAKPOINT_SET, BREAKPOINT_CLEARED, BREAKPOINT_SUSPENDED };

/* A module in an address space. */
struct mapping {
	struct module *module;
	uint64_t bias;                /* added to the file's addresses */
	uint8_t *set;                 /* for each instruction, one of BREAKPOINT_... */
	uint8_t *ends;                /* for each section: 1 if a breakpoint was ever set directly after the section */
	bool seen, was_seen;          /* whether the last scan, and the scan before it, found the module. A mapping stays in the
					 list if its module wasn't found, because a thread's `place` can refer to it */
	struct mapping *next;
};

/*
 * A random run (--random) sets one breakpoint in each section, at a random instruction. Sometimes a section rests: it has no
 * breakpoint until a thread has passed its end. At most RESTS sections of a process can rest at once. If only one section could
 * rest, it would not be enough, because the abort handler of one section can lead to another section.
 */
enum { RESTS = 4 };

/* Breakpoints outside the sections. Threads pass them without an abort. */
enum extra_kind {
	EXTRA_LINKER,    /* the dynamic linker's function for debuggers, called when modules are loaded or unloaded */
	EXTRA_PTRACE,    /* ptrace() of the C library; the next four are functions of the C library, too */
	EXTRA_SIGACTION,
	EXTRA_SIGMASK,
	EXTRA_PRCTL,
	EXTRA_FORK,
	EXTRA_END,       /* the end of a section, while a thread waits until another thread passes there (migrate.c) */
	EXTRA_REST,      /* the ends of sections that rest */
	EXTRAS = EXTRA_REST + RESTS
};

/* A breakpoint outside the sections. */
struct extra {
	uint64_t address; /* 0: there is no such breakpoint */
	uint64_t copy;    /* where a copy of the instruction can be executed; 0: nowhere */
	uint8_t code[CODE_MAX], replaced[CODE_MAX]; /* the instruction, and the bytes that the copy overwrites */
	uint8_t size;     /* bytes of the instruction */
	bool set;         /* the breakpoint is in memory */
	bool copied;      /* the copy is in memory */
};

/* A place in a process: an instruction of a mapping. */
struct mapped_insn {
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
	uint64_t round;               /* the number of the last call of strike_again() that handled this process */
	unsigned handles;             /* after this many more stops, the tool looks again for a handler of SIGTRAP */
	struct mapped_insn resting[RESTS];  /* a place in each section that rests; an element with mapping NULL is unused */
	bool spared;                  /* no section is aborted here: see spare_process() */
	bool inherits;                /* during the first scan: traps that are already in memory are the tool's own */
	bool unloads;                 /* the program has unloaded a module with sections */
	uint64_t thread_local;        /* bytes of thread-local memory that each thread has for the modules of the last scan */
	pid_t paused;                 /* an untraced process that shares this memory, so no breakpoints are set; 0: none */
};

/* Makes the structure of an address space with one thread and no modules. Opens its memory. Returns NULL if memory is short. */
struct process *process_new(pid_t pid);

/* Adds a module to the process. Returns NULL if memory is short. */
struct mapping *process_add_mapping(struct process *process, struct module *module, uint64_t bias);

/*
 * Makes the structure for a child whose parent is unknown, because the parent died while it made the child. Call process_scan()
 * next.
 */
struct process *process_orphan(pid_t pid);

/* Call this when a thread doesn't use the address space any more. The call for the last thread frees the structure. */
void process_release(struct process *process);

/*
 * Finds the modules that the program has loaded or unloaded since the last scan. Adds new modules to the result, and sets
 * breakpoints in them. `tid` is a thread of the process that hasn't ended. Returns false if not all modules could be read: memory
 * or descriptors were short, or /proc/PID/maps couldn't be read.
 */
bool process_scan(struct process *process, pid_t tid, const struct torture_settings *settings, struct torture_result *result);

/* breakpoints.c: finds the instruction at an address. Returns false if no instruction of a section begins there. */
bool process_find(const struct process *process, uint64_t address, struct mapped_insn *place);

/* place_insn() returns the instruction at the place. place_address() returns the instruction's address in the process. */
struct torture_insn *place_insn(const struct mapped_insn *place);
uint64_t place_address(const struct mapped_insn *place);

/* Sets a breakpoint at the place. Returns whether the place has a breakpoint after the call. */
bool process_set(struct process *process, const struct mapped_insn *place);

/* Removes the breakpoint at the place. Returns false if the process's memory can't be accessed. */
bool process_clear(struct process *process, const struct mapped_insn *place);

/*
 * process_suspend() removes the breakpoints of the place's section, so that threads pass without a stop. process_resume() sets
 * these breakpoints again. process_suspend_one() makes process_resume() also set the place's own breakpoint.
 */
void process_suspend(struct process *process, const struct mapped_insn *place);
void process_suspend_one(const struct mapped_insn *place);
void process_resume(struct process *process, const struct mapped_insn *place);

/*
 * extra.c lets threads execute a copy of an instruction that has a breakpoint. extra_copy() writes the copy, and returns false if
 * this isn't possible. extra_remove_copies() removes all copies. Call extra_remove_copies() only while no thread executes a copy.
 */
bool extra_copy(struct process *process, enum extra_kind kind);
void extra_remove_copies(struct process *process);

/*
 * extra_set() sets a breakpoint outside the sections. extra_set_end() moves the breakpoint `kind` to the end of the place's
 * section, and sets it. Both return whether the breakpoint is set then. extra_clear() removes the breakpoint.
 */
bool extra_set(struct process *process, enum extra_kind kind);
bool extra_set_end(struct process *process, enum extra_kind kind, const struct mapped_insn *place);
void extra_clear(struct process *process, enum extra_kind kind);

/*
 * `ip` is the instruction pointer of a thread that a trap stopped. Is this trap still in memory? If it is, and the tool has no
 * breakpoint there, the trap is the program's own. If it isn't, the tool has removed its breakpoint since the thread stopped.
 */
bool process_has_trap(struct process *process, uint64_t ip);

/* Removes all breakpoints. */
void process_clear_all(struct process *process);

/*
 * process_pause() removes all breakpoints, because the untraced process `pid` shares this memory. No breakpoints are set until
 * process_go_on(), which sets them again and makes a scan.
 */
void process_pause(struct process *process, pid_t pid);
void process_go_on(struct process *process, pid_t tid, const struct torture_settings *settings, struct torture_result *result);

/*
 * Removes all breakpoints except the breakpoint at ptrace(); with `all`, also this one. After this call no breakpoints are set in
 * sections.
 */
void process_spare(struct process *process, bool all);

/*
 * Notes the breakpoints that a child has inherited: looks into the child's memory for traps. Looks only at instructions at which
 * the parent ever had a breakpoint; with `all`, at every instruction of a section.
 */
void process_inherit(struct process *process, struct mapping *mapping, bool all);

/* Notes whether the child has inherited the breakpoint `kind`. */
void extra_inherit(struct process *process, enum extra_kind kind);

/*
 * Is the beginning of the instruction `code` at `address` replaced by the tool's trap? A later byte of the instruction can be a
 * trap, too, because an instruction of an overlapping section can begin there.
 */
bool process_has_ours(struct process *process, uint64_t address, const uint8_t *code, size_t size);

/*
 * If the tool's trap is at `address`, restores the instruction. If the instruction is already there, writes it again: see
 * process_mend(). Returns false if the memory can't be accessed.
 */
bool process_take_trap(struct process *process, uint64_t address, const uint8_t *code, size_t size);

/*
 * A thread has stopped at a trap of the tool that isn't in memory any more. Removes the breakpoint again, by one more write.
 *
 * On a processor, this write changes nothing. But some emulators go on with an old translation: QEMU 7.2 keeps it if one CPU
 * writes to the code while another CPU translates this code. Without one more write, threads would stop at this trap for ever.
 */
void process_mend(struct process *process, uint64_t address);

/* Removes the breakpoints of a mapping of which no page is the file's code any more. */
void process_leave(struct process *process, struct mapping *mapping);

/* Sets breakpoints at the module's instructions that aren't covered yet; in a random run, one in each section. */
void process_set_mapping(struct process *process, struct mapping *mapping, const struct torture_settings *settings);

/*
 * In a random run: chooses a random instruction of the section, or none, with equal probability. Sets a breakpoint at the chosen
 * instruction. Returns false if none was chosen.
 */
bool process_set_random(struct process *process, struct mapping *mapping, uint32_t section);

/* process_open() opens the process's memory if it isn't open, and returns whether it is open then. process_close() closes it. */
bool process_open(struct process *process);
void process_close(struct process *process);

/* Read and write the process's memory. Both functions return false if they couldn't transfer all `size` bytes. */
bool process_read(struct process *process, uint64_t address, void *to, size_t size);
bool process_write(struct process *process, uint64_t address, const void *from, size_t size);

#endif /* RK_TOOL_TORTURE_SPACE_H */
