/* SPDX-License-Identifier: MIT */
/* aarch64_machine.c - work on a stopped thread of arm64. */
#define _GNU_SOURCE
#include "machine.h"

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

const bool machine_has_port = true;
const uint8_t machine_trap[TRAP_MAX] = {0x00, 0x00, 0x20, 0xd4}; /* brk #0 */
const uint8_t machine_trap_size = 4, machine_trap_moves = 0;
const uint8_t machine_long_trap[TRAP_MAX] = {0}, machine_long_trap_size = 0, machine_pushes_flags = 0;
const int machine_stack = 31, machine_count = 0, machine_arguments[2] = {0, 1};
const bool machine_local_below = false;

/* Reads a set of registers, named by the type of its note in core files. Returns true only if it read the whole set. */
static bool read_set(pid_t tid, int type, void *to, size_t size)
{
	struct iovec vector = {to, size};

	return ptrace(PTRACE_GETREGSET, tid, (uintptr_t)type, &vector) == 0 && vector.iov_len == size;
}

bool machine_read(pid_t tid, struct machine_registers *registers)
{
	struct user_regs_struct user;

	if (!read_set(tid, NT_PRSTATUS, &user, sizeof(user)) ||
	    !read_set(tid, NT_ARM_TLS, &registers->thread, sizeof(registers->thread)))
		return false;
	for (unsigned i = 0; i < 31; i++)
		registers->general[i] = user.regs[i];
	registers->general[31] = user.sp;
	registers->ip = user.pc;
	return true;
}

bool machine_set_ip(pid_t tid, uint64_t ip)
{
	struct user_regs_struct user;
	struct iovec all = {&user, sizeof(user)};

	if (!read_set(tid, NT_PRSTATUS, &user, sizeof(user)))
		return false;
	user.pc = ip;
	return ptrace(PTRACE_SETREGSET, tid, (uintptr_t)NT_PRSTATUS, &all) == 0;
}

/*
 * On arm64 the tracer restarts no call. A call's first argument and its result share a register, and a tracer can't read the
 * argument. Also, before the stop the kernel has already decided which calls it restarts. The calls that the kernel doesn't
 * restart therefore end with EINTR, as they do when the process is stopped and continued. Source: the kernel's
 * arch/arm64/kernel/signal.c, do_signal().
 */
void machine_restart(pid_t tid)
{
	(void)tid;
}
