/* SPDX-License-Identifier: MIT */
/*
 * watch.c - runs a program, and counts each thread's rseq system calls and their results from outside.
 *
 *	watch REPORT PROGRAM [ARGUMENT...]
 *
 * A filter in the program stops it at each rseq call; every other system call runs at full speed. When a thread ends, watch
 * asks the kernel whether the thread is still registered. The answer must agree with the count. REPORT gets one line:
 *
 *	threads N registered N twice N refused N left N left-initial N disagree N children N
 *
 * - `registered`: threads with at least one registration
 * - `twice`: registrations of a thread that was still registered
 * - `refused`: registrations at an address of user space that failed, except with EBUSY
 * - `left`: threads that ended registered, without the initial thread
 * - `left-initial`: 1 if the initial thread ended registered
 * - `disagree`: threads for which the kernel's answer differed from the count
 * - `children`: threads of child processes, such as vfork's, that were ever registered; `threads` doesn't include them
 *
 * The exit status is the program's.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define GET_RSEQ_CONFIGURATION 0x420f /* include/uapi/linux/ptrace.h */
#define IDS 4194305                   /* the kernel's PID_MAX_LIMIT, plus 1 */

enum { IN_CALL = 1, USER_SPACE = 2, UNREGISTER = 4 };

static uint8_t registrations[IDS]; /* how often each thread was registered until now; at most 255 */
static bool is_registered[IDS];
static uint8_t calls[IDS]; /* flags of the rseq call that a thread is in; 0 if it is in none */
static unsigned threads, registered, twice, refused, left, left_initial, disagree, children;

static void run(char **program)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rseq, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {sizeof(code) / sizeof(code[0]), code};

	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0 || raise(SIGSTOP) != 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
		_exit(125);
	execv(program[0], program);
	_exit(127);
}

/* Handles the beginning of an rseq call. */
static void note(pid_t tid)
{
	struct __ptrace_syscall_info info;

	if (syscall(SYS_ptrace, PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), &info) <= 0)
		return;
	calls[tid] = (uint8_t)(IN_CALL | ((int64_t)info.seccomp.args[0] > 0 ? USER_SPACE : 0) |
			       (info.seccomp.args[2] == 1 ? UNREGISTER : 0));
}

/* Handles the return of an rseq call. */
static void count(pid_t tid)
{
	struct __ptrace_syscall_info info;

	if (syscall(SYS_ptrace, PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), &info) <= 0)
		return;
	if (info.exit.rval == 0 && (calls[tid] & UNREGISTER)) {
		is_registered[tid] = false;
	} else if (info.exit.rval == 0) {
		twice += is_registered[tid];
		registrations[tid] += registrations[tid] < UINT8_MAX;
		is_registered[tid] = true;
	} else if (!(calls[tid] & UNREGISTER) && (calls[tid] & USER_SPACE) && info.exit.rval != -EBUSY) {
		refused++;
	}
}

static void at_exit_of(pid_t tid, pid_t initial)
{
	struct {
		uint64_t pointer;
		uint32_t size, signature, flags, pad;
	} configuration = {0};

	if (syscall(SYS_tgkill, initial, tid, 0) != 0) {
		children += registrations[tid] > 0;
		return;
	}
	threads++;
	registered += registrations[tid] > 0;
	if (is_registered[tid]) {
		if (tid == initial)
			left_initial++;
		else
			left++;
	}
	if (syscall(SYS_ptrace, GET_RSEQ_CONFIGURATION, tid, sizeof(configuration), &configuration) >= 0 &&
	    (configuration.pointer != 0) != is_registered[tid])
		disagree++;
}

/* Returns how the thread continues: until the end of the system call, or freely. */
static int on_event(pid_t tid, int event, pid_t initial)
{
	unsigned long creator = 0;

	switch (event) {
	case PTRACE_EVENT_SECCOMP:
		note(tid);
		return PTRACE_SYSCALL;
	case PTRACE_EVENT_EXIT:
		at_exit_of(tid, initial);
		break;
	case PTRACE_EVENT_EXEC:
		is_registered[tid] = false;
		registrations[tid] = 0;
		break;
	case PTRACE_EVENT_FORK:
		/* The child inherits the registration. */
		if (ptrace(PTRACE_GETEVENTMSG, tid, NULL, &creator) == 0 && creator < IDS)
			is_registered[creator] = is_registered[tid];
		break;
	default:
		break;
	}
	return PTRACE_CONT;
}

static int watch(pid_t initial)
{
	int status, result = 125;
	pid_t tid;

	while ((tid = waitpid(-1, &status, __WALL)) > 0) {
		int signal = 0, how = PTRACE_CONT;

		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			if (tid == initial)
				result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
			continue;
		}
		if (status >> 16) {
			how = on_event(tid, status >> 16, initial);
		} else if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			if (calls[tid])
				count(tid);
			calls[tid] = 0;
		} else if (WSTOPSIG(status) != SIGSTOP) {
			signal = WSTOPSIG(status);
		}
		syscall(SYS_ptrace, how, tid, NULL, signal);
	}
	return result;
}

int main(int argc, char **argv)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
			     PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT | PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL;
	FILE *report;
	pid_t initial;
	int status;

	if (argc < 3 || (report = fopen(argv[1], "w")) == NULL)
		return 125;
	initial = fork();
	if (initial == 0)
		run(argv + 2);
	if (initial < 0 || waitpid(initial, &status, 0) != initial || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, initial, NULL, options) != 0 || ptrace(PTRACE_CONT, initial, NULL, NULL) != 0)
		return 125;
	status = watch(initial);
	fprintf(report, "threads %u registered %u twice %u refused %u left %u left-initial %u disagree %u children %u\n",
		threads, registered, twice, refused, left, left_initial, disagree, children);
	return fclose(report) == 0 ? status : 125;
}
