/* SPDX-License-Identifier: MIT */
/*
 * inside_handle.c - knows whether a process still lives, with few descriptors.
 *
 * A pidfd says so, as long as there are descriptors. The invariant: looking at a new process always finds descriptors free. So
 * pidfds take half of the others at most. Processes without one are known by their number and their time of start.
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
	/* Without a descriptor for the file there is no answer yet. */
	errno = 0;
	if (!proc_thread(process->space->pid, &thread))
		return errno == EMFILE || errno == ENFILE;
	return thread.started == process->started;
}
