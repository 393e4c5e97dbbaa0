/* SPDX-License-Identifier: MIT */
/*
 * adopt.c - finds out to which address space a new thread or child process belongs. `rseqkit torture` (the tool) traces the
 * program. The kernel makes the tool the tracer of each new thread or process before its first instruction
 * (PTRACE_O_TRACECLONE and so on). A child of fork has its parent's modules (ELF files with critical sections), and those of its
 * parent's breakpoints that inherit.c finds.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
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

/* In a random run (--random): sets a breakpoint in each section that has inherited none from the parent. */
static void fill_random(struct process *process, struct mapping *mapping)
{
	for (uint32_t i = 0; i < mapping->module->section_count; i++) {
		const struct torture_section *section = &mapping->module->sections[i];
		bool any = section->count == 0;

		for (uint32_t j = catalog_find(mapping->module, section->start); j < mapping->module->insn_count && !any; j++) {
			if (mapping->module->insns[j].address >= section->end)
				break;
			any = mapping->module->insns[j].section == i && mapping->set[j] == BREAKPOINT_SET;
		}
		while (!any)
			any = process_set_random(process, mapping, i);
	}
}

/* Makes the structure for a child of fork. Adds to the result the modules that the parent's last scan didn't find. */
static struct process *copy_process(const struct process *parent, pid_t pid, const struct torture_settings *settings,
				    struct torture_result *result)
{
	struct process *process = process_new(pid);

	if (process == NULL)
		return NULL;
	memcpy(process->extras, parent->extras, FUNCTIONS * sizeof(process->extras[0]));
	process->spared = parent->spared;
	process->thread_local = parent->thread_local;
	for (int kind = 0; kind < FUNCTIONS; kind++) {
		process->extras[kind].copied = false;
		extra_inherit(process, (enum extra_kind)kind);
		(void)extra_set(process, (enum extra_kind)kind);
	}
	for (const struct mapping *one = parent->mappings; one != NULL; one = one->next) {
		struct mapping *copy = process_add_mapping(process, one->module, one->bias);

		if (copy == NULL)
			break;
		memcpy(copy->set, one->set, one->module->insn_count);
		memcpy(copy->ends, one->ends, one->module->section_count);
		copy->seen = one->seen;
		process_inherit(process, copy, false);
		if (settings->random > 0 && !process->spared)
			fill_random(process, copy);
	}
	if (parent->unloads) { /* the parent may have unloaded a module after the fork, and the child can still have it */
		process->inherits = process->unloads = true;
		process_scan(process, pid, settings, result);
	}
	if (parent->spared)
		process_spare(process, parent->paused == parent->pid);
	return process;
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
		child->process = copy_process(parent->process, tid, torture->settings, torture->result);
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
