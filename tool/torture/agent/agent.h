/* SPDX-License-Identifier: MIT */
/*
 * agent.h - functions and data that the files of the agent share. The agent is the object that `rseqkit torture --inside`
 * preloads into the program; its signal handler handles the breakpoints.
 *
 * The program doesn't know of the agent. The invariant: the agent allocates nothing, keeps no file open, prints nothing, and
 * doesn't change errno.
 */
#ifndef RK_TOOL_TORTURE_AGENT_AGENT_H
#define RK_TOOL_TORTURE_AGENT_AGENT_H

#include <dlfcn.h>
#include <signal.h>
#include <stdbool.h>

#include "shared.h"

/*
 * The memory that the agent shares with the tool (shared.h), and this process's entry there, its cell. agent_cell is NULL until
 * the tool has accepted the process.
 */
extern struct agent_shared *agent_shared;
extern uint64_t agent_room; /* bytes of the shared memory */
extern struct agent_cell *agent_cell;

/* The process to which this address space belongs. A child of vfork uses this address space, too, but has another process id. */
extern pid_t agent_process;

/* The tool reads this random number from the process's memory, and so knows that this process has made the request. */
extern uint64_t agent_proof;

/*
 * agent_ask.c: makes a request to the tool, and waits for the answer. Returns the position of the process's cell. Returns 0 if
 * the tool refuses or has ended. Async-signal-safe.
 */
uint64_t agent_ask(enum agent_request request, pid_t other);

/* agent_strike.c: handles a SIGTRAP. Returns false if it doesn't come from one of our breakpoints. */
bool agent_strike(const siginfo_t *info, void *context);

/*
 * agent_text.c: writes to the process's own text. All functions are async-signal-safe. agent_write() writes bytes, and
 * agent_can_write() tries whether this works. agent_set() sets a breakpoint, and agent_clear() removes a breakpoint. If the
 * kernel refuses the write, agent_write() and agent_clear() return false.
 *
 * agent_set_by_chance() sets a breakpoint at a random instruction of section `number`. agent_set_again() sets the removed
 * breakpoints that are still wanted. agent_obey() sets or removes all breakpoints if the tool can't do this itself (cell->own).
 */
bool agent_write(uint64_t address, const void *bytes, size_t size);
bool agent_can_write(void);
void agent_set(const struct agent_insn *insn, uint64_t bias);
bool agent_clear(const struct agent_insn *insn, uint64_t bias);
void agent_set_by_chance(const struct agent_module *module, uint32_t number, uint64_t bias);
void agent_set_again(const struct agent_module *module, uint64_t bias);
void agent_obey(void);

/* Returns the address of a position in the shared memory. */
void *agent_at(uint64_t position);

/*
 * Copies the entry with this index of the process's list of modules. Returns false if the list has fewer entries. If the tool
 * replaces the list meanwhile, copies the entry of the new list.
 */
bool agent_entry(uint64_t number, struct agent_entry *entry);

/* Reads a count of the shared memory, which other processes possibly change. */
uint64_t agent_count(const uint64_t *count);

/* Does the instruction need more aborts? */
bool agent_wants(const struct agent_insn *insn);

/*
 * agent_signals.c: agent_take_signal() installs the agent's handler of SIGTRAP. In a child of fork, agent_renew_signal() unlocks
 * the lock of that file, because another thread of the parent possibly held it.
 */
void agent_take_signal(void);
void agent_renew_signal(void);

/*
 * agent_masks.c: the kernel must never block SIGTRAP. If the program blocks it, the mask that the kernel gets has another signal
 * instead, which Linux never sends. So the program's choice isn't lost in new threads, children and saved masks. agent_hide()
 * changes a program's mask into a mask for the kernel. agent_show() changes a mask from the kernel back.
 */
void agent_hide(sigset_t *set);
void agent_show(sigset_t *set);

/* Unblocks SIGTRAP in this thread. */
void agent_unblock(void);

/* agent_exec.c: notes the paths of the agent's file and of the shared memory's file (`memory`). */
void agent_note_paths(const char *memory);

static inline bool agent_is_active(void)
{
	return agent_cell != NULL;
}

/* Some of the C library's functions that the agent replaces are deprecated. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define EXPORTED __attribute__((__visibility__("default")))

/* NEXT(function) is the C library's function that the agent's function of this name replaces. The first use looks it up. */
#define DECLARE_NEXT(function) static uintptr_t next_##function
#define NEXT(function) ((__typeof__(&function))agent_next(#function, &next_##function))

static inline uintptr_t agent_next(const char *name, uintptr_t *next)
{
	if (*next == 0)
		*next = (uintptr_t)dlsym(RTLD_NEXT, name);
	return *next;
}

#endif /* RK_TOOL_TORTURE_AGENT_AGENT_H */
