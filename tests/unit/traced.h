/* SPDX-License-Identifier: MIT */
/* traced.h - a child that its parent traces: registers, stops and breakpoints. */
#ifndef TRACED_H
#define TRACED_H

#include "test.h"
#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

/* A breakpoint instruction, the bits of a word that it covers, and how many bytes after its start the thread stops. */
#ifdef __aarch64__
#define BREAKPOINT 0xd4200000UL /* brk #0 */
#define BREAKPOINT_MASK 0xffffffffUL
#define BREAKPOINT_LENGTH 0
#define PC(registers) ((registers).pc)
#else
#define BREAKPOINT 0xccUL /* int3 */
#define BREAKPOINT_MASK 0xffUL
#define BREAKPOINT_LENGTH 1
#define PC(registers) ((registers).rip)
#endif

static inline struct user_regs_struct get_registers(pid_t pid)
{
	struct user_regs_struct registers = {0};
	struct iovec vector = {&registers, sizeof(registers)};

	ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &vector);
	return registers;
}

static inline void set_registers(pid_t pid, struct user_regs_struct *registers)
{
	struct iovec vector = {registers, sizeof(*registers)};

	ptrace(PTRACE_SETREGSET, pid, (void *)NT_PRSTATUS, &vector);
}

/* Returns the return address of the function whose first instruction comes next. */
static inline uintptr_t return_address(pid_t pid, const struct user_regs_struct *registers)
{
#ifdef __aarch64__
	(void)pid;
	return registers->regs[30];
#else
	return (uintptr_t)ptrace(PTRACE_PEEKDATA, pid, registers->rsp, NULL);
#endif
}

/*
 * Waits until the child stops. If `go_on` is true, first lets the child continue. Returns the signal that stopped the
 * child, or -1 if the child has ended.
 */
static inline int stop_signal(pid_t pid, bool go_on)
{
	int status;

	if (go_on)
		ptrace(PTRACE_CONT, pid, NULL, NULL);
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return -1;
	return WSTOPSIG(status);
}

/*
 * Sets a breakpoint at `address`, and lets the child continue. If the child reaches the breakpoint, removes it and
 * returns 1. Returns 0 if the child stopped itself by SIGSTOP first, which children do at their end. Returns -1 if the
 * child has ended.
 */
static inline int run_to(pid_t pid, uintptr_t address)
{
	struct user_regs_struct registers;
	long text = ptrace(PTRACE_PEEKTEXT, pid, address, NULL);
	int signal;

	ptrace(PTRACE_POKETEXT, pid, address, (text & ~(long)BREAKPOINT_MASK) | (long)BREAKPOINT);
	signal = stop_signal(pid, true);
	if (signal != SIGTRAP)
		return signal == SIGSTOP ? 0 : -1;
	ptrace(PTRACE_POKETEXT, pid, address, text);
	registers = get_registers(pid);
	/* If the stop aborted a section, the thread is at the abort handler, and its registers must not change. */
	if (PC(registers) == address + BREAKPOINT_LENGTH) {
		PC(registers) = address;
		set_registers(pid, &registers);
	}
	return 1;
}

#endif /* TRACED_H */
