/* SPDX-License-Identifier: MIT */
/*
 * agent.h - what the parts of the agent share.
 *
 * The agent runs within a program that doesn't know it. The invariant: it allocates nothing, keeps no file open, prints nothing,
 * and leaves errno as it was.
 */
#ifndef RK_TOOL_TORTURE_AGENT_AGENT_H
#define RK_TOOL_TORTURE_AGENT_AGENT_H

#include <dlfcn.h>
#include <signal.h>
#include <stdbool.h>

#include "shared.h"

/* The shared memory, and this process's cell in it. NULL until the tool has accepted the process. */
extern struct agent_shared *agent_shared;
extern uint64_t agent_room; /* bytes of the memory */
extern struct agent_cell *agent_cell;

/* The process to which this memory belongs. A child of vfork also uses this memory. */
extern pid_t agent_process;

/* The tool reads this number from the process's memory, and so knows that it looks at the right process. */
extern uint64_t agent_proof;

/* agent_ask.c: asks the tool. Returns the position of the process's cell, or 0 without an answer. Async-signal-safe. */
uint64_t agent_ask(enum agent_request request, pid_t other);

/* agent_strike.c: handles a trap. Returns false if the trap isn't one of our breakpoints. */
bool agent_strike(const siginfo_t *info, void *context);

/*
 * agent_text.c: writes into the process's own text. All functions are async-signal-safe. agent_write() writes bytes, and
 * agent_can_write() tries whether this works. agent_set() sets a breakpoint, and agent_clear() removes it. If the kernel refuses,
 * agent_write() and agent_clear() return false.
 *
 * agent_set_by_chance() sets a breakpoint at a random instruction of section `number`. agent_set_again() sets the removed
 * breakpoints that are still wanted. agent_obey() sets or removes all breakpoints if the tool has requested this, because the
 * tool can't write to the process.
 */
bool agent_write(uint64_t address, const void *bytes, size_t size);
bool agent_can_write(void);
void agent_set(const struct agent_insn *insn, uint64_t bias);
bool agent_clear(const struct agent_insn *insn, uint64_t bias);
void agent_set_by_chance(const struct agent_module *module, uint32_t number, uint64_t bias);
void agent_set_again(const struct agent_module *module, uint64_t bias);
void agent_obey(void);

/* The address of a position in the shared memory. */
void *agent_at(uint64_t position);

/*
 * Copies an entry of the process's list of modules. Returns false if the list has no such entry. If the tool replaces the list
 * meanwhile, the copy is from the new list.
 */
bool agent_entry(uint64_t number, struct agent_entry *entry);

/* Reads a count of the shared memory, which other processes possibly change. */
uint64_t agent_count(const uint64_t *count);

/* Is the instruction to be aborted more often? */
bool agent_wants(const struct agent_insn *insn);

/*
 * agent_signals.c: agent_take_signal() takes SIGTRAP over from the program. agent_renew_signal() unlocks the lock of these
 * functions in a child of fork.
 */
void agent_take_signal(void);
void agent_renew_signal(void);

/*
 * agent_masks.c: in the kernel's masks, a signal that Linux never sends stands for SIGTRAP. So new threads, children and saved
 * masks keep what the program has set. agent_hide() changes a program's mask into a mask for the kernel. agent_show() changes a
 * kernel's mask back.
 */
void agent_hide(sigset_t *set);
void agent_show(sigset_t *set);

/* Unblocks SIGTRAP in this thread. */
void agent_unblock(void);

/* agent_exec.c: notes how the agent and the memory can be found again. */
void agent_note_paths(const char *memory);

static inline bool agent_is_active(void)
{
	return agent_cell != NULL;
}

/* Some of the functions that have to be replaced are old. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define EXPORTED __attribute__((__visibility__("default")))

/* The C library's function of the same name. The name is looked up at its first use. */
#define DECLARE_NEXT(function) static uintptr_t next_##function
#define NEXT(function) ((__typeof__(&function))agent_next(#function, &next_##function))

static inline uintptr_t agent_next(const char *name, uintptr_t *next)
{
	if (*next == 0)
		*next = (uintptr_t)dlsym(RTLD_NEXT, name);
	return *next;
}

#endif /* RK_TOOL_TORTURE_AGENT_AGENT_H */
