/* SPDX-License-Identifier: MIT */
/*
 * outside.c - runs a program and asks the kernel, from outside, whether each of its threads is registered.
 *
 *	outside REPORT PROGRAM [ARGUMENT...]
 *
 * Every thread of the program and of its descendants stops at its end. At this stop `outside` asks the kernel, so `outside`
 * also sees threads that live only briefly. A vfork child that ends without exec isn't counted, because it uses its parent's
 * memory.
 *
 * REPORT gets a line for each unregistered thread and the line "threads N unregistered N". The exit status is the program's.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

/* Source: include/uapi/linux/ptrace.h. */
#define GET_RSEQ_CONFIGURATION 0x420f
struct rseq_configuration {
	uint64_t pointer;
	uint32_t size, signature, flags, pad;
};

#define IDS 4194305 /* the kernel's PID_MAX_LIMIT, plus 1 */

/* Facts about a thread. A new thread continues only after its creator has announced it. */
enum { ANNOUNCED = 1, WAITING = 2, VFORKED = 4 };
static uint8_t known[IDS];

static FILE *report;
static unsigned long threads, unregistered;

static void go_on(pid_t tid, int signal)
{
	/* ESRCH means that the thread was killed since it stopped. */
	if (ptrace(PTRACE_CONT, tid, NULL, (void *)(intptr_t)signal) != 0 && errno != ESRCH)
		perror("outside: PTRACE_CONT");
}

static void print_unregistered(pid_t tid)
{
	char path[64], name[32] = "?\n";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/comm", tid);
	file = fopen(path, "r");
	if (file != NULL) {
		if (fgets(name, sizeof(name), file) == NULL)
			name[0] = '\n';
		fclose(file);
	}
	fprintf(report, "not registered: %d %s", tid, name);
}

static void at_exit_of(pid_t tid)
{
	struct rseq_configuration configuration = {0};

	if ((known[tid] & VFORKED) ||
	    ptrace((enum __ptrace_request)GET_RSEQ_CONFIGURATION, tid, sizeof(configuration), &configuration) < 0)
		return;
	threads++;
	if (configuration.pointer == 0) {
		unregistered++;
		print_unregistered(tid);
	}
}

/*
 * Handles the ptrace event that `creator` has created a thread or a process. Reads the id of the new thread or process. `kind` is
 * VFORKED for a child of vfork, and otherwise 0.
 */
static void announce(pid_t creator, uint8_t kind)
{
	unsigned long id = 0;

	if (ptrace(PTRACE_GETEVENTMSG, creator, NULL, &id) != 0 || id >= IDS)
		return;
	if (known[id] & WAITING)
		go_on((pid_t)id, 0);
	known[id] = (uint8_t)(ANNOUNCED | kind);
}

/* Handles the stop of a new thread, or of a thread in a stopped process. */
static void stopped(pid_t tid, int signal)
{
	if (signal != SIGTRAP)
		ptrace(PTRACE_LISTEN, tid, NULL, NULL);
	else if (known[tid] & ANNOUNCED)
		go_on(tid, 0);
	else
		known[tid] |= WAITING;
}

static void handle(pid_t tid, int status)
{
	switch (status >> 16) {
	case 0:
		go_on(tid, WSTOPSIG(status));
		return;
	case PTRACE_EVENT_STOP:
		stopped(tid, WSTOPSIG(status));
		return;
	case PTRACE_EVENT_EXIT:
		at_exit_of(tid);
		break;
	case PTRACE_EVENT_EXEC:
		known[tid] = ANNOUNCED;
		break;
	case PTRACE_EVENT_VFORK:
		announce(tid, VFORKED);
		break;
	default:
		announce(tid, 0);
	}
	go_on(tid, 0);
}

static pid_t start(char **arguments)
{
	int ends[2];
	char byte;
	pid_t child;

	if (pipe(ends) != 0)
		return -1;
	child = fork();
	if (child == 0) {
		close(ends[1]);
		if (read(ends[0], &byte, 1) < 0)
			_exit(126);
		close(ends[0]);
		execvp(arguments[0], arguments);
		_exit(127);
	}
	close(ends[0]);
	if (child > 0 && ptrace(PTRACE_SEIZE, child, NULL,
				PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC |
					PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL) != 0) {
		kill(child, SIGKILL);
		child = -1;
	}
	close(ends[1]);
	return child;
}

int main(int argc, char **argv)
{
	int status, result = 125;
	pid_t child, tid;

	if (argc < 3 || (report = fopen(argv[1], "we")) == NULL) {
		fputs("usage: outside REPORT PROGRAM [ARGUMENT...]\n", stderr);
		return 125;
	}
	child = start(argv + 2);
	if (child < 0) {
		perror("outside");
		return 125;
	}
	known[child] = ANNOUNCED;
	while ((tid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		if (tid <= 0)
			continue;
		if (WIFSTOPPED(status)) {
			handle(tid, status);
			continue;
		}
		known[tid] = 0; /* the kernel can reuse the id */
		if (tid == child)
			result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
	fprintf(report, "threads %lu unregistered %lu\n", threads, unregistered);
	return fclose(report) == 0 ? result : 125;
}
