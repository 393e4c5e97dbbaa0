/* SPDX-License-Identifier: MIT */
/*
 * adopt.c - finds out to which address space a new thread or child process belongs. `rseqkit torture` (the tool) traces the
 * program. The kernel makes the tool the tracer of each new thread or process before its first instruction
 * (PTRACE_O_TRACECLONE and so on).
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/proc.h"
#include "traced.h"

#define EVENT(status) ((int)((unsigned)(status) >> 16))

/* Do both processes have the same address space? A child of vfork() has the address space of its parent. */
static bool shares_memory(pid_t one, pid_t other, int event)
{
	long result = syscall(SYS_kcmp, one, other, KCMP_VM, 0, 0);

	return result < 0 ? event != PTRACE_EVENT_FORK : result == 0;
}

static pid_t group_of(pid_t tid)
{
	pid_t group;

	return proc_process(tid, &group) ? group : tid;
}

/* Returns whether the tool traces this thread. After the tool has seen the end of a thread, it doesn't trace the thread. */
static bool is_traced(pid_t tid)
{
	siginfo_t info;

	return waitid(P_PID, (id_t)tid, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL) == 0;
}

void traced_adopt(struct torture *torture, struct thread *parent, int status)
{
	const int event = WIFSTOPPED(status) ? EVENT(status) : 0;
	unsigned long message = 0;
	struct thread *child;
	pid_t tid;

	if ((event != PTRACE_EVENT_CLONE && event != PTRACE_EVENT_FORK && event != PTRACE_EVENT_VFORK) ||
	    ptrace(PTRACE_GETEVENTMSG, parent->tid, NULL, &message) != 0 || message == 0)
		return;
	tid = (pid_t)message;
	child = traced_find(torture, tid);
	/*
	 * If the parent was preempted before it could report the child, the child can be adopted as an orphan, and can have
	 * ended.
	 */
	if (child == NULL && is_traced(tid))
		child = traced_add(torture, tid, tid, NULL);
	if (child == NULL)
		return;
	migrate_inherited(parent, child);
	if (child->process != NULL)
		return;
	if (shares_memory(parent->tid, tid, event)) {
		child->process = parent->process;
		child->process->users++;
	} else {
		child->process = process_copy(parent->process, tid, torture->settings, torture->result);
		torture->result->processes++;
	}
	child->group = event == PTRACE_EVENT_CLONE ? group_of(tid) : tid;
	child->blocks_trap = parent->blocks_trap;
}

static bool shares_with(pid_t tid, const struct thread *other)
{
	return other->tid != tid && other->process != NULL && syscall(SYS_kcmp, tid, other->tid, KCMP_VM, 0, 0) == 0;
}

/* Finds the address space of a child whose parent died before the kernel reported the child to the tool. */
static void adopt_orphan(struct torture *torture, struct thread *child)
{
	for (struct thread *other = torture->threads; other != NULL && child->process == NULL; other = other->next)
		if (shares_with(child->tid, other)) {
			child->process = other->process;
			child->process->users++;
		}
	child->group = group_of(child->tid);
	if (child->process != NULL)
		return;
	child->process = process_orphan(child->tid);
	if (child->process == NULL)
		return;
	process_scan(child->process, child->tid, torture->settings, torture->result);
	spare_if_needed(torture, child);
	torture->result->processes++;
}

void traced_find_children(struct torture *torture)
{
	struct dirent *entry;
	DIR *folder = opendir("/proc");

	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		pid_t pid = (pid_t)atoi(entry->d_name);

		if (pid > 0 && traced_find(torture, pid) == NULL && proc_tracer(pid) == getpid())
			(void)traced_add(torture, pid, pid, NULL);
	}
	if (folder != NULL)
		closedir(folder);
}

void traced_adopt_orphans(struct torture *torture, double seconds)
{
	for (struct thread *thread = torture->threads; thread != NULL; thread = thread->next)
		if (thread->process == NULL && thread->has_status && traced_now() - thread->since >= seconds)
			adopt_orphan(torture, thread);
}
