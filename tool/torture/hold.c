/* SPDX-License-Identifier: MIT */
/*
 * hold.c - for a moment, stops threads that `rseqkit torture` (the tool) traces. Also detaches from threads.
 *
 * The tool requests a stop by PTRACE_INTERRUPT. The thread can stop for another reason first, such as a signal. The tool notes
 * this first stop, to handle it later. Then the thread also stops for the request, and the tool ignores that stop.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

#include "common/proc.h"
#include "traced.h"

#define WAIT_S 1.0
#define PATIENCE_S 100.0 /* before detaching, the tool waits at most this long: many threads on few CPUs are slow */
#define SETTLE_S 0.05 /* the longest wait of traced_settle() for threads in the kernel. A parent in vfork() stays there longer */
#define LOOK_EVERY 4 /* after this many short sleeps, the tool looks at a thread's state in /proc */

static void sleep_shortly(void)
{
	const struct timespec time = {0, 50000};

	nanosleep(&time, NULL);
}

enum wait_end { WAIT_STOPPED, WAIT_ASLEEP, WAIT_FAILED };

/*
 * Waits for a stop, until the deadline. Returns WAIT_ASLEEP if the thread hasn't stopped, but executes no instruction either.
 * There are two such cases. The thread is its process's first one and has ended, while others go on. Or the thread sleeps
 * uninterruptibly in the kernel, for example in vfork(), and stops before its next instruction.
 */
static enum wait_end wait_for(struct thread *thread, double deadline, int *status)
{
	for (unsigned i = 1;; i++) {
		pid_t tid = waitpid(thread->tid, status, __WALL | WNOHANG);
		char state[32];

		if (tid == thread->tid)
			return WAIT_STOPPED;
		if (tid < 0 || traced_now() > deadline)
			return WAIT_FAILED;
		if (i % LOOK_EVERY == 0 && proc_field(thread->tid, "State", state, sizeof(state))) {
			thread->ended = thread->tid == thread->group && state[0] == 'Z';
			if (thread->ended || state[0] == 'D')
				return WAIT_ASLEEP;
		}
		sleep_shortly();
	}
}

bool traced_wait(struct thread *thread)
{
	const double deadline = traced_now() + WAIT_S;
	enum wait_end end;
	int status;

	do
		end = wait_for(thread, deadline, &status);
	while (end == WAIT_ASLEEP && !thread->ended);
	if (end != WAIT_STOPPED)
		return false;
	thread->state = THREAD_STOPPED;
	if (WIFSTOPPED(status) && status >> 16 == 0 && WSTOPSIG(status) == SIGTRAP)
		return true;
	thread->has_status = true;
	thread->status = status;
	return false;
}

/* Is this a thread that a caller wants to stop? If `process` is NULL, the thread can belong to any process. */
static bool is_held(const struct thread *thread, const struct thread *except, const struct process *process)
{
	return thread != except && !thread->ended && (process == NULL || thread->process == process);
}

/* Does the thread sleep in the kernel? Stores in `switches` how often it has given up its CPU. */
static bool sleeps(const struct thread *thread, uint64_t *switches)
{
	struct proc_status status;

	if (!proc_status(thread->group, thread->tid, &status) || (status.state != 'S' && status.state != 'D'))
		return false;
	*switches = status.switches;
	return true;
}

bool traced_slept(const struct torture *torture, const struct thread *except, const struct process *process)
{
	uint64_t switches;

	for (const struct thread *thread = torture->threads; thread != NULL; thread = thread->next)
		if (is_held(thread, except, process) && thread->asleep &&
		    (!sleeps(thread, &switches) || switches != thread->switches))
			return false;
	return true;
}

/*
 * Stops threads, and notes their stops. With `all_stopped`, also stops threads that sleep in the kernel. A parent in vfork()
 * can't be stopped, but it is at no breakpoint.
 */
static bool hold(struct torture *torture, const struct thread *except, const struct process *process, bool all_stopped)
{
	double asleep = traced_now() + WAIT_S, deadline = all_stopped ? traced_now() + PATIENCE_S : asleep;
	bool all = true;
	enum wait_end end;

	for (struct thread *thread = torture->threads; thread != NULL; thread = thread->next) {
		thread->asleep = false;
		if (!is_held(thread, except, process) || thread->state != THREAD_RUNNING)
			continue;
		thread->asleep = !all_stopped && sleeps(thread, &thread->switches);
		if (!thread->asleep)
			(void)ptrace(PTRACE_INTERRUPT, thread->tid, NULL, NULL);
	}
	for (struct thread *thread = torture->threads; thread != NULL; thread = thread->next) {
		if (!is_held(thread, except, process) || thread->state != THREAD_RUNNING || thread->asleep)
			continue;
		do
			end = wait_for(thread, deadline, &thread->status);
		while (end == WAIT_ASLEEP && all_stopped && !thread->ended && traced_now() < asleep);
		all = all && end != WAIT_FAILED;
		if (end != WAIT_STOPPED)
			continue;
		thread->state = THREAD_STOPPED;
		thread->has_status = true;
		if (WIFSTOPPED(thread->status))
			machine_restart(thread->tid); /* the request can have interrupted a system call */
	}
	return all;
}

bool traced_hold(struct torture *torture, const struct thread *except, const struct process *process)
{
	return hold(torture, except, process, false);
}

bool traced_is_request(int status)
{
	return WIFSTOPPED(status) && status >> 16 == PTRACE_EVENT_STOP && WSTOPSIG(status) == SIGTRAP;
}

void traced_free(struct torture *torture, const struct thread *except, const struct process *process)
{
	for (struct thread *thread = torture->threads; thread != NULL; thread = thread->next)
		if (is_held(thread, except, process) && thread->state == THREAD_STOPPED && thread->has_status && !thread->waits &&
		    traced_is_request(thread->status)) {
			thread->has_status = false;
			traced_go(thread, 0);
		}
}

void traced_settle(struct torture *torture, const struct process *process)
{
	const double deadline = traced_now() + SETTLE_S;
	struct proc_status status;

	(void)traced_hold(torture, NULL, process);
	for (const struct thread *thread = torture->threads; thread != NULL; thread = thread->next)
		while (is_held(thread, NULL, process) && thread->asleep && proc_status(thread->group, thread->tid, &status) &&
		       status.state == 'D' && traced_now() < deadline)
			sleep_shortly();
	traced_free(torture, NULL, process);
}

/* Has the thread executed a trap that it hasn't reported yet? The kernel reports a requested stop first. */
static bool has_unreported_trap(const struct thread *thread)
{
	return thread->has_status && traced_is_request(thread->status) && proc_has_signal(thread->tid, "SigPnd", SIGTRAP) &&
	       !proc_has_signal(thread->tid, "SigBlk", SIGTRAP);
}

void traced_finish(struct torture *torture, const struct thread *except, const struct process *process)
{
	(void)traced_hold(torture, except, process);
	for (struct thread *thread = torture->threads; thread != NULL; thread = thread->next) {
		if (!is_held(thread, except, process) || thread->state != THREAD_STOPPED || !thread->has_status ||
		    !traced_is_request(thread->status) || (thread->step == STEP_NONE && !has_unreported_trap(thread)))
			continue;
		thread->has_status = false;
		traced_go(thread, 0);
		if (traced_wait(thread)) {
			thread->has_status = true;
			thread->status = SIGTRAP << 8 | 0x7f;
		}
	}
	traced_free(torture, except, process);
}

/* Returns si_code of the signal at which a thread has stopped. */
static int code_of(const struct thread *thread)
{
	siginfo_t info;

	memset(&info, 0, sizeof(info));
	return ptrace(PTRACE_GETSIGINFO, thread->tid, NULL, &info) == 0 ? info.si_code : 0;
}

/* Did a trap raise the SIGTRAP at which the thread has stopped? Otherwise a step is over, or a process sent the signal. */
static bool is_breakpoint(const struct thread *thread)
{
	int code = code_of(thread);

	return code == SI_KERNEL || (code == TRAP_BRKPT && machine_trap_moves == 0); /* x86 has SI_KERNEL, arm64 TRAP_BRKPT */
}

/*
 * If a thread has hit a breakpoint, sets its instruction pointer back to the instruction. All breakpoints have been removed, so a
 * trap that is still in memory is the program's own. Returns the signal that the thread gets when the tool detaches; 0: none.
 */
static int undo_stop(struct thread *thread)
{
	struct machine_registers registers;

	if (has_unreported_trap(thread)) {
		thread->has_status = false;
		traced_end_step(thread);
		traced_go(thread, 0);
		if (traced_wait(thread)) {
			thread->has_status = true;
			thread->status = SIGTRAP << 8 | 0x7f;
		}
	}
	if (!thread->has_status || !WIFSTOPPED(thread->status) || thread->status >> 16 != 0)
		return 0;
	if (WSTOPSIG(thread->status) != SIGTRAP)
		return WSTOPSIG(thread->status);
	if (code_of(thread) <= 0)
		return SIGTRAP; /* a process sent this SIGTRAP */
	if (!is_breakpoint(thread) || !machine_read(thread->tid, &registers))
		return 0;
	traced_block_again(thread);
	if (process_has_trap(thread->process, registers.ip))
		return SIGTRAP;
	process_mend(thread->process, registers.ip - machine_trap_moves);
	(void)machine_set_ip(thread->tid, registers.ip - machine_trap_moves);
	return 0;
}

/*
 * Finds the address spaces of children whose parents were killed before they reported these children. Such an address space has
 * breakpoints, too, which must be removed. All other threads are stopped.
 */
static void adopt_all(struct torture *torture)
{
	traced_find_children(torture);
	for (struct thread *thread = torture->threads; thread != NULL; thread = thread->next)
		if (thread->process == NULL && !thread->has_status)
			thread->has_status = wait_for(thread, traced_now() + WAIT_S, &thread->status) == WAIT_STOPPED;
	traced_adopt_orphans(torture, 0);
}

void traced_detach(struct torture *torture, const struct process *process)
{
	struct thread *next;

	(void)hold(torture, NULL, process, true);
	for (struct thread *thread = torture->threads; thread != NULL; thread = thread->next)
		if (thread->process != NULL && is_held(thread, NULL, process) && thread->has_status)
			traced_adopt(torture, thread, thread->status);
	if (process == NULL)
		adopt_all(torture);
	for (struct thread *thread = torture->threads; thread != NULL; thread = thread->next)
		if (thread->process != NULL && is_held(thread, NULL, process)) {
			extra_put_back(thread);
			process_clear_all(thread->process);
			extra_remove_copies(thread->process);
		}
	for (struct thread *thread = torture->threads; thread != NULL; thread = next) {
		int signal = 0;

		next = thread->next;
		if (process != NULL && thread->process != process)
			continue;
		if (thread->ended) {
			traced_remove(torture, thread);
			continue;
		}
		if (thread->process != NULL)
			signal = undo_stop(thread);
		migrate_back(thread);
		if (thread->step == STEP_ABORT) { /* the tool won't see whether this step ends in the abort handler */
			place_insn(&thread->place)->injected--;
			torture->result->injected--;
		}
		traced_end_step(thread);
		(void)ptrace(PTRACE_DETACH, thread->tid, NULL, (uintptr_t)signal);
		traced_remove(torture, thread);
	}
}

void traced_leave(struct torture *torture, struct thread *thread)
{
	process_pause(thread->process, thread->tid);
	migrate_back(thread);
	traced_end_step(thread);
	(void)ptrace(PTRACE_DETACH, thread->tid, NULL, NULL);
	traced_remove(torture, thread);
}
