/* SPDX-License-Identifier: MIT */
/* proc.h - facts about processes and threads from /proc. Each function returns false if the thread has ended. */
#ifndef RK_TOOL_PROC_H
#define RK_TOOL_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct proc_thread {
	char name[32];    /* as the kernel has it, with any bytes */
	uint64_t started; /* clock ticks after the machine's start */
};

bool proc_thread(pid_t tid, struct proc_thread *thread);

/* The text behind a field's name in /proc/TID/status, for example of "Tgid". */
bool proc_field(pid_t tid, const char *name, char *text, size_t size);

/* Is the signal in the set of signals that is a field, for example "SigBlk"? */
bool proc_has_signal(pid_t tid, const char *name, int signal);

/* Returns the id of the thread's process. */
bool proc_process(pid_t tid, pid_t *pid);

/* Does /proc have the ids of the PID namespace in which this program runs? */
bool proc_is_ours(void);

/*
 * Does /proc have the ids of the initial PID namespace, and does this program run there? The kernel's trace has such ids.
 */
bool proc_is_initial(void);

/* The time of CLOCK_MONOTONIC in nanoseconds, which is also the clock of the trace. */
uint64_t proc_now(void);

#endif /* RK_TOOL_PROC_H */
