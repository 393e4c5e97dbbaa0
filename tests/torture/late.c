/* SPDX-License-Identifier: MIT */
/*
 * late.c - an object that is preloaded into `rseqkit torture`. It replaces waitpid(): the tool learns of a fork only after the
 * child has ended. On a busy machine the kernel can cause this, too: it can preempt a parent right after it made the child.
 */
#define _GNU_SOURCE
#include <stdbool.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t parent, child;
static int kept; /* the status of `parent` at its fork; it is delivered after the end of `child` */

static pid_t get(pid_t pid, int *status, int options)
{
	return (pid_t)syscall(SYS_wait4, pid, status, options, NULL);
}

pid_t waitpid(pid_t pid, int *status, int options)
{
	static bool has_ended;
	unsigned long message = 0;
	pid_t got;

	if (pid == -1 && has_ended && parent > 0) {
		got = parent;
		parent = -1;
		*status = kept;
		return got;
	}
	got = get(pid, status, options);
	if (got > 0 && parent == 0 && WIFSTOPPED(*status) && *status >> 16 == PTRACE_EVENT_FORK) {
		(void)ptrace(PTRACE_GETEVENTMSG, got, NULL, &message);
		parent = got;
		child = (pid_t)message;
		kept = *status;
		return waitpid(pid, status, options);
	}
	has_ended |= got > 0 && got == child && (WIFEXITED(*status) || WIFSIGNALED(*status));
	return got;
}
