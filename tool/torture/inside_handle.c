/* SPDX-License-Identifier: MIT */
/*
 * inside_handle.c - finds out whether a process of the program still exists, with a limited number of descriptors, for
 * `rseqkit torture --inside` (the tool).
 *
 * A process is identified by a pidfd, or by its process id and its start time. The invariant: enough descriptors stay free to
 * read the modules and the memory of a new process. So pidfds take at most half of the descriptors that process_files()
 * allows for all processes together.
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
	int ready = process->handle >= 0 ? poll(&poll_one, 1, 0) : -1;

	if (ready >= 0)
		return ready == 0;
	/* There is no handle, or a filter refuses poll(). */
	if (kill(process->space->pid, 0) != 0 && errno == ESRCH)
		return false;
	/* If no descriptor is free for /proc/PID/stat, the process counts as alive. A later call finds out more. */
	errno = 0;
	if (!proc_thread(process->space->pid, &thread))
		return errno == EMFILE || errno == ENFILE;
	return thread.started == process->started;
}
