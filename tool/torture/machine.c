/* SPDX-License-Identifier: MIT */
/* machine.c - the parts of `rseqkit torture` for each architecture: the trap, and access to a stopped thread's registers. */
#define _GNU_SOURCE
#include "machine.h"

#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#define GET_RSEQ_CONFIGURATION 0x420f /* PTRACE_GET_RSEQ_CONFIGURATION, Linux 5.13 */

struct configuration {
	uint64_t area;
	uint32_t size, signature, flags, padding;
};

bool machine_area(pid_t tid, uint64_t *area)
{
	struct configuration configuration = {0, 0, 0, 0, 0};

	if (ptrace((__typeof__(PTRACE_CONT))GET_RSEQ_CONFIGURATION, tid, sizeof(configuration), &configuration) <= 0 ||
	    configuration.area == 0 || configuration.size == 0)
		return false;
	*area = configuration.area;
	return true;
}

#if defined(__x86_64__)

const bool machine_has_port = true;
const uint8_t machine_trap[TRAP_MAX] = {0xcc}; /* int3 */
const uint8_t machine_trap_size = 1, machine_trap_moves = 1;
const uint8_t machine_long_trap[TRAP_MAX] = {0xcd, 3}, machine_long_trap_size = 2; /* int $3 */
const uint8_t machine_pushes_flags = 0x9c; /* pushf */
const bool machine_local_below = true;
const int machine_stack = 4, machine_count = 1, machine_arguments[2] = {7, 6};

bool machine_read(pid_t tid, struct machine_registers *registers)
{
	struct user_regs_struct user;

	if (ptrace(PTRACE_GETREGS, tid, NULL, &user) != 0)
		return false;
	*registers = (struct machine_registers){
		.general = {user.rax, user.rcx, user.rdx, user.rbx, user.rsp, user.rbp, user.rsi, user.rdi, user.r8, user.r9,
			    user.r10, user.r11, user.r12, user.r13, user.r14, user.r15},
		.ip = user.rip,
		.thread = user.fs_base,
	};
	return true;
}

bool machine_set_ip(pid_t tid, uint64_t ip)
{
	return ptrace(PTRACE_POKEUSER, tid, offsetof(struct user_regs_struct, rip), ip) == 0;
}

#elif defined(__aarch64__)

const bool machine_has_port = true;
const uint8_t machine_trap[TRAP_MAX] = {0x00, 0x00, 0x20, 0xd4}; /* brk #0 */
const uint8_t machine_trap_size = 4, machine_trap_moves = 0;
const uint8_t machine_long_trap[TRAP_MAX] = {0}, machine_long_trap_size = 0, machine_pushes_flags = 0;
const int machine_stack = 31, machine_count = 0, machine_arguments[2] = {0, 1};
const bool machine_local_below = false;

bool machine_read(pid_t tid, struct machine_registers *registers)
{
	struct user_regs_struct user;
	struct iovec all = {&user, sizeof(user)}, thread = {&registers->thread, sizeof(registers->thread)};

	if (ptrace(PTRACE_GETREGSET, tid, (uintptr_t)NT_PRSTATUS, &all) != 0 ||
	    ptrace(PTRACE_GETREGSET, tid, (uintptr_t)NT_ARM_TLS, &thread) != 0)
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

	if (ptrace(PTRACE_GETREGSET, tid, (uintptr_t)NT_PRSTATUS, &all) != 0)
		return false;
	user.pc = ip;
	all.iov_len = sizeof(user);
	return ptrace(PTRACE_SETREGSET, tid, (uintptr_t)NT_PRSTATUS, &all) == 0;
}

#else

const bool machine_has_port = false;
const uint8_t machine_trap[TRAP_MAX] = {0};
const uint8_t machine_trap_size = 1, machine_trap_moves = 0;
const uint8_t machine_long_trap[TRAP_MAX] = {0}, machine_long_trap_size = 0, machine_pushes_flags = 0;
const int machine_stack = 0, machine_count = 0, machine_arguments[2] = {0, 0};
const bool machine_local_below = false;

bool machine_read(pid_t tid, struct machine_registers *registers)
{
	(void)tid;
	(void)registers;
	return false;
}

bool machine_set_ip(pid_t tid, uint64_t ip)
{
	(void)tid;
	(void)ip;
	return false;
}

#endif
