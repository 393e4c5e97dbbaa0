/* SPDX-License-Identifier: MIT */
/*
 * extra.c - handles a thread that has stopped at a breakpoint outside the critical sections. `rseqkit torture` (the tool) sets
 * such breakpoints at the ends of sections (migrate.c, strike.c), and at the beginning of the following functions.
 *
 * The dynamic linker's function for debuggers: the linker calls it when it has mapped modules, before their constructors run.
 * The tool therefore sets breakpoints in new modules.
 *
 * ptrace(): a process has at most one tracer, so the tool stops tracing a process that the program wants to trace.
 *
 * sigaction(), and pthread_sigmask(), which sigprocmask() calls: the tool must know whether SIGTRAP is blocked, ignored or
 * handled; see spare.c.
 *
 * prctl(PR_SET_DUMPABLE): afterwards a tracer without privileges can't write to the memory of later children. The tool
 * therefore spares the process: it aborts none of the process's sections any more.
 *
 * fork(): setuid() and similar calls also make the process's memory inaccessible, so the tool checks at each fork() whether it
 * can still open this memory.
 *
 * Then the thread passes the breakpoint. Meanwhile another thread must not execute the same instruction without a stop. The
 * breakpoint therefore stays, and the thread executes a copy of the instruction. The copy lies in unused bytes after the end of
 * the file's code. If the instruction depends on its own address, it can't have a copy. Then the tool removes the breakpoint for
 * a moment, and stops the other threads.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include "common/proc.h"
#include "tool.h"
#include "traced.h"

#define HANDLER_OFFSET 0    /* offset of sa_handler in the C libraries' struct sigaction */

/* Is the thread in a child of vfork(), which has its parent's memory? */
static bool is_guest(const struct torture *torture, const struct thread *thread)
{
	for (const struct thread *other = torture->threads; other != NULL; other = other->next)
		if (other->process == thread->process && other->group != thread->group)
			return thread->group != thread->process->pid;
	return false;
}

static void let_go(struct torture *torture, struct thread *thread)
{
	if (torture->result->tracing++ == 0)
		complain("process %d is let go, because the program calls ptrace() to trace it", (int)thread->group);
	if (is_guest(torture, thread))
		traced_leave(torture, thread);
	else
		traced_detach(torture, thread->process);
}

/* ptrace() is called. Stops tracing the process that the caller wants to trace. Returns false if that is the caller's own. */
static bool handle_request(struct torture *torture, struct thread *thread, const struct machine_registers *registers)
{
	const uint64_t request = registers->general[machine_arguments[0]];
	struct thread *target = NULL;

	if (request == PTRACE_TRACEME) {
		let_go(torture, thread);
		return false;
	}
	if (request == PTRACE_ATTACH || request == PTRACE_SEIZE)
		target = traced_find(torture, (pid_t)registers->general[machine_arguments[1]]);
	if (target != NULL && target->process != NULL && target->process != thread->process)
		let_go(torture, target);
	return true;
}

/* sigaction() is called. Spares the process if the call sets an action for SIGTRAP. */
static void handle_action(struct torture *torture, struct thread *thread, const struct machine_registers *registers)
{
	const uint64_t action = registers->general[machine_arguments[1]];
	uint64_t handler = 0;

	if (registers->general[machine_arguments[0]] != SIGTRAP || action == 0 ||
	    !process_read(thread->process, action + HANDLER_OFFSET, &handler, sizeof(handler)) ||
	    handler == (uint64_t)(uintptr_t)SIG_DFL)
		return;
	if (is_guest(torture, thread)) { /* the child's action isn't the action of its parent */
		process_pause(thread->process, thread->tid);
		return;
	}
	spare_process(torture, thread->process, handler == (uint64_t)(uintptr_t)SIG_IGN ? SPARE_IGNORES : SPARE_HANDLES);
	traced_finish(torture, thread, thread->process); /* if a trap is reported after the call, the kernel drops SIG_IGN */
}

/* pthread_sigmask() is called. Notes whether the thread blocks SIGTRAP after the call. */
static void handle_mask(struct thread *thread, const struct machine_registers *registers)
{
	const uint64_t how = registers->general[machine_arguments[0]], address = registers->general[machine_arguments[1]];
	uint64_t set = 0;
	bool trap;

	if (address == 0 || !process_read(thread->process, address, &set, sizeof(set)))
		return;
	traced_leave_handler(thread, registers->general[machine_stack]);
	trap = (set >> (SIGTRAP - 1) & 1) != 0;
	if (how == SIG_SETMASK)
		thread->blocks_trap = trap;
	else if (trap)
		thread->blocks_trap = how == SIG_BLOCK;
}

/* prctl() is called. Spares the process if the call makes the memory inaccessible to a tracer without privileges. */
static void handle_prctl(struct torture *torture, struct thread *thread, const struct machine_registers *registers)
{
	if (registers->general[machine_arguments[0]] != PR_SET_DUMPABLE || registers->general[machine_arguments[1]] == 1 ||
	    proc_has_signal(getpid(), "CapEff", CAP_SYS_PTRACE + 1))
		return;
	spare_process(torture, thread->process, SPARE_CLOSED);
}

/* fork() is called. Spares the process if the tool can't open its memory any more. */
static void handle_fork(struct torture *torture, struct thread *thread)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)thread->tid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	else if (errno == EACCES || errno == EPERM)
		spare_process(torture, thread->process, SPARE_CLOSED);
}

/* Lets the thread execute the instruction itself, without the breakpoint, while no other thread runs. */
static void pass_alone(struct torture *torture, struct thread *thread)
{
	struct process *process = thread->process;
	const bool held = watch_may_hold(thread);
	bool done, again;

	if (held)
		(void)traced_hold(torture, thread, process);
	extra_clear(process, thread->extra);
	do {
		traced_step(thread, STEP_EXTRA);
		if (!held)
			return;
		done = traced_wait(thread);
		/* Has the thread stopped for an earlier PTRACE_INTERRUPT? */
		again = thread->has_status && traced_is_request(thread->status);
		if (done || thread->has_status)
			traced_end_step(thread);
		if (again)
			thread->has_status = false;
	} while (again);
	if (done || thread->has_status)
		extra_left(torture, thread);
	traced_free(torture, thread, process);
	if (done)
		traced_go(thread, 0);
}

static void pass(struct torture *torture, struct thread *thread)
{
	struct process *process = thread->process;

	if (thread->extra >= EXTRA_END) { /* the tool needs only the first thread that comes to this breakpoint */
		extra_clear(process, thread->extra);
		traced_step(thread, STEP_EXTRA);
	} else if (extra_copy(process, thread->extra) && machine_set_ip(thread->tid, process->extras[thread->extra].copy)) {
		thread->aside = true;
		traced_step(thread, STEP_EXTRA);
	} else {
		pass_alone(torture, thread);
	}
}

void extra_reached(struct torture *torture, struct thread *thread, enum extra_kind kind,
		   const struct machine_registers *registers)
{
	if (kind == EXTRA_LINKER)
		process_scan(thread->process, thread->tid, torture->settings, torture->result);
	if (kind == EXTRA_SIGACTION)
		handle_action(torture, thread, registers);
	if (kind == EXTRA_SIGMASK)
		handle_mask(thread, registers);
	if (kind == EXTRA_PRCTL)
		handle_prctl(torture, thread, registers);
	if (kind == EXTRA_FORK)
		handle_fork(torture, thread);
	if (kind == EXTRA_END)
		migrate_passed(torture, thread);
	if (kind >= EXTRA_REST)
		strike_passed(thread, kind);
	if (kind == EXTRA_PTRACE && !handle_request(torture, thread, registers))
		return;
	if (!thread->process->extras[kind].set) {
		traced_go(thread, 0);
		return;
	}
	thread->extra = kind;
	pass(torture, thread);
}

static bool is_needed(const struct torture *torture, const struct process *process, enum extra_kind kind)
{
	if (kind < EXTRA_END)
		return !torture->detaching;
	for (const struct thread *thread = torture->threads; thread != NULL; thread = thread->next)
		if (thread->waits && thread->process == process)
			return true;
	return false;
}

void extra_left(struct torture *torture, struct thread *thread)
{
	extra_put_back(thread);
	if (is_needed(torture, thread->process, thread->extra))
		(void)extra_set(thread->process, thread->extra);
}
