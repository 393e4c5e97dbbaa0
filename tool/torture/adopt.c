/* SPDX-License-Identifier: MIT */
/* adopt.c - takes over new threads and children. The kernel traces them from their first instruction on. */
#define _GNU_SOURCE
#include <linux/kcmp.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "traced.h"

#define EVENT(status) ((int)((unsigned)(status) >> 16))

/* Do both have the same address space? A child of vfork() has that of its parent. */
static bool shares_memory(pid_t one, pid_t other, int event)
{
	long result = syscall(SYS_kcmp, one, other, KCMP_VM, 0, 0);

	return result < 0 ? event != PTRACE_EVENT_FORK : result == 0;
}

static pid_t group_of(pid_t tid)
{
	char path[64], line[128];
	int group = (int)tid;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	file = fopen(path, "re");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "Tgid: %d", &group) == 1)
			break;
	if (file != NULL)
		fclose(file);
	return (pid_t)group;
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
	if (child == NULL)
		child = traced_add(torture, tid, tid, NULL);
	if (child == NULL || child->process != NULL)
		return;
	if (shares_memory(parent->tid, tid, event)) {
		child->process = parent->process;
		child->process->users++;
	} else {
		child->process = process_copy(parent->process, tid);
		torture->result->processes++;
	}
	child->group = event == PTRACE_EVENT_CLONE ? group_of(tid) : tid;
}
