/* SPDX-License-Identifier: MIT */
/* stops.c - finds out why a thread that `rseqkit torture` (the tool) traces has stopped, and handles the stop. */
#define _GNU_SOURCE
#include "traced.h"

#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define EVENT(status) ((int)((unsigned)(status) >> 16))

/* Handles an exec: the thread's process executes another program. All its other threads have ended. */
static void begin_program(struct torture *torture, struct thread *thread)
{
	unsigned long old = 0;
	bool again;

	(void)ptrace(PTRACE_GETEVENTMSG, thread->tid, NULL, &old);
	do {
		again = false;
		for (struct thread *other = torture->threads; other != NULL && !again; other = other->next) {
			again = other != thread && (other->group == thread->tid || other->tid == (pid_t)old);
			if (again && other->tid == (pid_t)old && other->moved) { /* `other` was this thread before exec */
				thread->cpus = other->cpus;
				thread->narrowed = other->narrowed;
				thread->single = other->single;
				thread->moved = true;
			}
			if (again)
				traced_remove(torture, other);
		}
	} while (again);
	process_release(thread->process);
	thread->process = process_new(thread->tid);
	thread->group = thread->tid;
	thread->step = STEP_NONE;
	migrate_back(thread);
	thread->masked = thread->waits = thread->sent = thread->has_status = thread->ended = thread->aside = false;
	spare_if_needed(torture, thread);
	if (thread->process != NULL)
		process_scan(thread->process, thread->tid, torture->settings, torture->result);
}

/* Handles a stop by a trap. Returns false if the trap belongs to the program. */
static bool handle_breakpoint(struct torture *torture, struct thread *thread)
{
	struct process *process = thread->process;
	struct machine_registers registers;
	struct mapped_insn place;
	uint64_t address;

	if (process == NULL || !machine_read(thread->tid, &registers))
		return false;
	address = registers.ip - machine_trap_moves;
	if (process_find(process, address, &place) && place.mapping->set[place.insn] > BREAKPOINT_NEVER) {
		strike(torture, thread, &place);
		return true;
	}
	for (int kind = 0; kind < EXTRAS; kind++)
		if (address == process->extras[kind].address && process->extras[kind].set) {
			(void)machine_set_ip(thread->tid, address);
			extra_reached(torture, thread, (enum extra_kind)kind, &registers);
			return true;
		}
	if (process_has_trap(process, registers.ip))
		return false;
	process_mend(process, address);
	(void)machine_set_ip(thread->tid, address);
	traced_go(thread, 0);
	return true;
}

static void handle_step(struct torture *torture, struct thread *thread)
{
	enum step step = thread->step;

	traced_end_step(thread);
	if (step == STEP_ABORT || step == STEP_OVER) {
		strike_after_step(torture, thread, step);
		return;
	}
	extra_left(torture, thread);
	traced_go(thread, 0);
}

/* Ends a step before which the thread gets a signal. The step's instruction isn't executed now. */
static void interrupt_step(struct torture *torture, struct thread *thread)
{
	enum step step = thread->step;

	traced_end_step(thread);
	if (step == STEP_EXTRA)
		extra_left(torture, thread);
	else
		strike_interrupted(torture, thread, step);
}

/*
 * While a thread blocks SIGTRAP, a SIGTRAP that a process has sent stays pending. If the thread then comes to a breakpoint or
 * to the end of a step, the kernel unblocks SIGTRAP, but drops the new SIGTRAP. Instead, the thread reports the pending
 * SIGTRAP. This function blocks SIGTRAP again, and sends the reported SIGTRAP again, so that it is pending as before. Returns
 * the si_code of the dropped SIGTRAP.
 */
static int keep_waiting(struct thread *thread, const siginfo_t *info)
{
	const int code = thread->step != STEP_NONE ? TRAP_TRACE : (machine_trap_moves == 0 ? TRAP_BRKPT : SI_KERNEL);

	traced_block_again(thread);
	if (syscall(SYS_rt_tgsigqueueinfo, thread->group, thread->tid, SIGTRAP, info) != 0)
		(void)syscall(SYS_tgkill, thread->group, thread->tid, SIGTRAP); /* without the sender's si_pid */
	return code;
}

static void handle_trap(struct torture *torture, struct thread *thread)
{
	siginfo_t info;

	memset(&info, 0, sizeof(info));
	(void)ptrace(PTRACE_GETSIGINFO, thread->tid, NULL, &info);
	if (info.si_code <= 0 && thread->blocks_trap)
		info.si_code = keep_waiting(thread, &info);
	/* x86 raises SI_KERNEL at a breakpoint, and arm64 TRAP_BRKPT. */
	if (info.si_code == SI_KERNEL || (info.si_code == TRAP_BRKPT && machine_trap_moves == 0)) {
		traced_block_again(thread);
		if (handle_breakpoint(torture, thread))
			return;
	} else if (thread->step != STEP_NONE && info.si_code > 0) {
		handle_step(torture, thread);
		return;
	}
	traced_go(thread, SIGTRAP);
}

static bool is_stop_signal(int signal)
{
	return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

static void handle_event(struct torture *torture, struct thread *thread, int status)
{
	const int event = EVENT(status), signal = WSTOPSIG(status);
	unsigned long child = 0;

	traced_adopt(torture, thread, status);
	if (event == PTRACE_EVENT_EXEC)
		begin_program(torture, thread);
	if (event == PTRACE_EVENT_VFORK_DONE && thread->process->paused != 0 &&
	    ptrace(PTRACE_GETEVENTMSG, thread->tid, NULL, &child) == 0 && (pid_t)child == thread->process->paused)
		process_go_on(thread->process, thread->tid, torture->settings, torture->result);
	if (event == PTRACE_EVENT_STOP && is_stop_signal(signal)) {
		thread->state = THREAD_RUNNING;
		(void)ptrace(PTRACE_LISTEN, thread->tid, NULL, NULL);
		return;
	}
	traced_go(thread, 0);
}

void traced_handle(struct torture *torture, struct thread *thread, int status)
{
	if (!WIFSTOPPED(status)) {
		if (thread->tid == torture->first) {
			torture->result->ended = true;
			torture->result->status = status;
		}
		traced_remove(torture, thread);
		return;
	}
	thread->state = THREAD_STOPPED;
	if (thread->process == NULL && EVENT(status) != PTRACE_EVENT_EXEC) { /* its parent hasn't reported it yet */
		thread->state = THREAD_NEW;
		thread->has_status = true;
		thread->status = status;
		thread->since = traced_now();
		return;
	}
	thread->has_status = false;
	if (EVENT(status) != 0) {
		handle_event(torture, thread, status);
	} else if (WSTOPSIG(status) == SIGTRAP) {
		handle_trap(torture, thread);
	} else {
		if (thread->step != STEP_NONE)
			interrupt_step(torture, thread);
		signals_seen(torture, thread, WSTOPSIG(status));
		traced_enter_handler(thread);
		traced_go(thread, WSTOPSIG(status));
	}
}
