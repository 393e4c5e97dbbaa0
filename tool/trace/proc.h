/* SPDX-License-Identifier: MIT */
/* proc.h - facts about processes and threads from /proc. Each function returns false if the thread has ended. */
#ifndef RK_TOOL_TRACE_PROC_H
#define RK_TOOL_TRACE_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct proc_thread {
	char name[32];    /* as the kernel has it, with any bytes */
	uint64_t started; /* clock ticks after the machine's start */
};

bool proc_thread(pid_t tid, struct proc_thread *thread);

/* Returns the id of the thread's process. */
bool proc_process(pid_t tid, pid_t *pid);

/*
 * Does /proc have the ids of the initial PID namespace, and does this program run there? The kernel's trace has such ids.
 */
bool proc_is_initial(void);

/* The time of CLOCK_MONOTONIC in nanoseconds, which is also the clock of the trace. */
uint64_t proc_now(void);

#endif /* RK_TOOL_TRACE_PROC_H */
