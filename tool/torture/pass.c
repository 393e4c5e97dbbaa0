/* SPDX-License-Identifier: MIT */
/*
 * pass.c - lets a thread pass a breakpoint that `rseqkit torture` (the tool) has set outside the critical sections.
 *
 * While a thread passes a breakpoint, another thread must not execute the same instruction without a stop. The breakpoint
 * therefore stays, and the thread executes a copy of the instruction. The copy lies in unused bytes after the end of the file's
 * code. If the instruction depends on its own address, it can't have a copy. Then the tool removes the breakpoint for a moment,
 * and stops the other threads.
 */
#include "traced.h"

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
		again = thread->has_status && traced_is_request(thread->status); /* the thread stopped for an earlier PTRACE_INTERRUPT */
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

void extra_pass(struct torture *torture, struct thread *thread)
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
