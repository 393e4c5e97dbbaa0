/* SPDX-License-Identifier: MIT */
/*
 * spare.c - processes in which no section is aborted, because breakpoints would harm them.
 *
 * A breakpoint in a thread that has blocked SIGTRAP, or in a process that ignores it, makes the kernel unblock it and drop the
 * program's action (force_sig() of kernel/signal.c). So a process that handles SIGTRAP has only the breakpoint of ptrace(), and a
 * process that ignores it has none. A thread that has blocked it gets it blocked again.
 */
#include <signal.h>

#include "common/proc.h"
#include "tool.h"
#include "traced.h"

#define LIBRARY_SIGNAL 33 /* for setuid() in all threads */

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
	/* For a moment, a C library blocks all signals. A program can't block those that the library uses itself. */
	thread->blocks_trap = proc_has_signal(thread->tid, "SigBlk", SIGTRAP) &&
			      !proc_has_signal(thread->tid, "SigBlk", LIBRARY_SIGNAL);
	if (thread->process != NULL && proc_has_signal(thread->tid, "SigCgt", SIGTRAP))
		spare_process(torture, thread->process, SPARE_HANDLES);
	if (thread->process != NULL && proc_has_signal(thread->tid, "SigIgn", SIGTRAP))
		spare_process(torture, thread->process, SPARE_IGNORES);
}
