/* SPDX-License-Identifier: MIT */
/*
 * x86_64_machine.c - work on a stopped thread of x86-64. The tracer is `rseqkit torture`, or a child of `rseqkit
 * inspect` (ask.c).
 *
 * The kernel restarts most calls by itself. Some calls end with EINTR, see signal(7). The tracer can restart such a call if
 * the kernel keeps the call's arguments until the thread continues. To restart a call, the tracer replaces the call's result
 * by ERESTARTNOHAND. With this result the kernel restarts the call if no signal handler has to run. At the restart a relative
 * timeout begins anew.
 */
#define _GNU_SOURCE
#include "machine.h"

#include <errno.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>

#define ERESTARTNOHAND 514 /* the kernel restarts the call if no handler has to run (include/linux/errno.h of the kernel) */

/*
 * Does this call end with EINTR when its thread is stopped, see signal(7)? A call on a socket ends with EINTR if the socket
 * has a timeout and the call has moved no data. Each call in this list can be restarted without harm.
 */
static bool ends_with_eintr(unsigned long long number)
{
	static const unsigned long long numbers[] = {
		SYS_epoll_wait, SYS_epoll_pwait, SYS_semop, SYS_semtimedop, SYS_rt_sigtimedwait, SYS_io_getevents,
		SYS_read, SYS_readv, SYS_write, SYS_writev, SYS_accept, SYS_accept4, SYS_connect, SYS_recvfrom,
		SYS_recvmsg, SYS_recvmmsg, SYS_sendto, SYS_sendmsg, SYS_sendmmsg, 426 /* io_uring_enter */,
		441 /* epoll_pwait2 */,
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (number == numbers[i])
			return true;
	return false;
}

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

/* `orig_rax` is negative if the thread isn't in a call. */
void machine_restart(pid_t tid)
{
	struct user_regs_struct user;

	if (ptrace(PTRACE_GETREGS, tid, NULL, &user) == 0 && (long long)user.rax == -EINTR && (long long)user.orig_rax >= 0 &&
	    ends_with_eintr(user.orig_rax))
		(void)ptrace(PTRACE_POKEUSER, tid, offsetof(struct user_regs_struct, rax), -(long)ERESTARTNOHAND);
}
