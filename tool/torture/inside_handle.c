/* SPDX-License-Identifier: MIT */
/*
 * inside_handle.c - knows whether a process still lives, with few descriptors.
 *
 * A pidfd says whether its process lives. The invariant: enough descriptors stay free to look at a new process. So pidfds take
 * at most half of the descriptors for processes. A process without a pidfd is known by its number and its start time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/proc.h"
#include "inside.h"

void handle_open(struct inside *inside, struct inside_process *process, bool allowed)
{
	struct proc_thread thread;

	if (proc_thread(process->space->pid, &thread))
		process->started = thread.started;
	if (allowed)
		process->handle = (int)syscall(SYS_pidfd_open, process->space->pid, 0);
	if (process->handle >= 0)
		process_hold(++inside->handles);
}

void handle_close(struct inside *inside, struct inside_process *process)
{
	if (process->handle < 0)
		return;
	close(process->handle);
	process_hold(--inside->handles);
}

bool handle_lives(const struct inside_process *process)
{
	struct pollfd poll_one = {.fd = process->handle, .events = POLLIN};
	struct proc_thread thread;

	if (process->handle >= 0)
		return poll(&poll_one, 1, 0) <= 0;
	if (kill(process->space->pid, 0) != 0 && errno == ESRCH)
		return false;
	/* If no descriptor is free for the file, there is no answer yet, and the process counts as alive. */
	errno = 0;
	if (!proc_thread(process->space->pid, &thread))
		return errno == EMFILE || errno == ENFILE;
	return thread.started == process->started;
}
