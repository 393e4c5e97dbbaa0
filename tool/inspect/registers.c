/* SPDX-License-Identifier: MIT */
/*
 * registers.c - the work on a stopped thread that depends on the architecture: reading the thread's registers, and restarting
 * a system call that the stop interrupted. The tracer is `rseqkit torture`, or a child of `rseqkit inspect` (ask.c).
 *
 * The kernel restarts most calls by itself. Some calls end with EINTR, see signal(7). The tracer can restart such a call if
 * the kernel keeps the call's arguments until the thread continues. To restart a call, the tracer replaces the call's result
 * by ERESTARTNOHAND. With this result the kernel restarts the call if no signal handler has to run. At the restart a relative
 * timeout begins anew.
 */
#define _GNU_SOURCE
#include "inspect.h"

#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>

#if defined(__x86_64__)

const bool inspect_has_port = true;

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

/*
 * If the stop made a call end with EINTR, makes the kernel restart the call. `orig_rax` is negative if the thread isn't in a
 * call.
 */
static void hide_interruption(pid_t tid, const struct user_regs_struct *registers)
{
	if ((long long)registers->rax == -EINTR && (long long)registers->orig_rax >= 0 &&
	    ends_with_eintr(registers->orig_rax))
		(void)ptrace(PTRACE_POKEUSER, tid, offsetof(struct user_regs_struct, rax), -(long)ERESTARTNOHAND);
}

bool inspect_read_registers(pid_t tid, struct inspect_answer *answer)
{
	struct user_regs_struct registers;

	if (ptrace(PTRACE_GETREGS, tid, NULL, &registers) != 0)
		return false;
	hide_interruption(tid, &registers);
	answer->thread_pointer = registers.fs_base;
	answer->ip = registers.rip;
	return true;
}

#elif defined(__aarch64__)

const bool inspect_has_port = true;

/* Reads a set of registers, named by the type of its note in core files. Returns true only if it read the whole set. */
static bool read_set(pid_t tid, int type, void *to, size_t size)
{
	struct iovec vector = {to, size};

	return ptrace(PTRACE_GETREGSET, tid, (uintptr_t)type, &vector) == 0 && vector.iov_len == size;
}

/*
 * On arm64 the tracer restarts no call. A call's first argument and its result share a register, and a tracer can't read the
 * argument. Also, before the stop the kernel has already decided which calls it restarts. So the calls that the kernel
 * doesn't restart end with EINTR, as they do when the process is stopped and continued. Source: the kernel's
 * arch/arm64/kernel/signal.c, do_signal().
 */
bool inspect_read_registers(pid_t tid, struct inspect_answer *answer)
{
	struct user_regs_struct registers;

	if (!read_set(tid, NT_PRSTATUS, &registers, sizeof(registers)) ||
	    !read_set(tid, NT_ARM_TLS, &answer->thread_pointer, sizeof(answer->thread_pointer)))
		return false;
	answer->ip = registers.pc;
	return true;
}

#else

const bool inspect_has_port = false;

bool inspect_read_registers(pid_t tid, struct inspect_answer *answer)
{
	(void)tid;
	(void)answer;
	return false;
}

#endif
