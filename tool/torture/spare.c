/* SPDX-License-Identifier: MIT */
/*
 * spare.c - spares processes that breakpoints would harm: `rseqkit torture` (the tool) sets no breakpoints in their critical
 * sections, and so aborts no section.
 *
 * If a thread comes to a breakpoint while it blocks or ignores SIGTRAP, the kernel unblocks SIGTRAP and drops the program's
 * action (force_sig() of kernel/signal.c). The tool therefore sets no breakpoint in a process that ignores SIGTRAP. A process
 * that handles SIGTRAP keeps only the breakpoint at the C library's ptrace(). In a thread that blocked SIGTRAP, the tool blocks
 * it again after each breakpoint.
 */
#include <signal.h>

#include "common/proc.h"
#include "tool.h"
#include "traced.h"

#define LIBRARY_SIGNAL 33 /* C libraries use this signal for setuid() in all threads */

void spare_process(struct torture *torture, struct process *process, enum spare_reason reason)
{
	static const char *const reasons[] = {
		[SPARE_HANDLES] = "it handles SIGTRAP itself",
		[SPARE_IGNORES] = "it ignores SIGTRAP",
		[SPARE_CLOSED] = "it closes its memory to other processes (PR_SET_DUMPABLE, setuid)",
	};

	if (!process->spared && torture->result->spared++ == 0)
		complain("the sections of process %d are not aborted any more: %s", (int)process->pid, reasons[reason]);
	process_spare(process, reason != SPARE_HANDLES);
}

void spare_if_needed(struct torture *torture, struct thread *thread)
{
	/*
	 * A C library blocks all signals for a moment, even signals that only the library uses. A program can't block such
	 * signals, so a mask with such a signal isn't the program's.
	 */
	thread->blocks_trap = proc_has_signal(thread->tid, "SigBlk", SIGTRAP) &&
			      !proc_has_signal(thread->tid, "SigBlk", LIBRARY_SIGNAL);
	if (thread->process != NULL && proc_has_signal(thread->tid, "SigCgt", SIGTRAP))
		spare_process(torture, thread->process, SPARE_HANDLES);
	if (thread->process != NULL && proc_has_signal(thread->tid, "SigIgn", SIGTRAP))
		spare_process(torture, thread->process, SPARE_IGNORES);
}
