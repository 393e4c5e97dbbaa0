/* SPDX-License-Identifier: MIT */
/* proc.h - facts about processes and threads from /proc. Each function returns false if the thread has ended. */
#ifndef RK_TOOL_PROC_H
#define RK_TOOL_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define PROC_NAME 32 /* bytes of a name; a longer one is cut off */

struct proc_thread {
	char name[PROC_NAME]; /* the thread's name, in which any byte is possible */
	uint64_t started;     /* when the thread started, in clock ticks after the machine's start */
};

/* Reads the name and the start time of a thread. */
bool proc_thread(pid_t tid, struct proc_thread *thread);

/* The state of a thread, from /proc/PID/task/TID/. */
struct proc_status {
	char name[64];
	char state;             /* a letter of proc(5): R, S, D, T, Z, ... */
	pid_t process, tracer;  /* `tracer` is 0 if no process traces the thread */
	uint64_t threads;       /* the number of threads of its process */
	uint64_t switches;      /* the number of its context switches, voluntary and involuntary */
	uint64_t started;       /* when it started, in clock ticks since boot. It differs for a later thread with the same id */
	int seccomp;            /* the thread's seccomp mode: 0 none, 1 strict, 2 filter */
	bool kernel;            /* a kernel thread, or a worker that the kernel runs for the process */
};

/* Reads the state of a thread. Returns false if no such thread exists. */
bool proc_status(pid_t pid, pid_t tid, struct proc_status *status);

/* Opens a file of /proc/PID/task/TID/. Returns NULL if it can't be opened. */
FILE *proc_open(pid_t pid, pid_t tid, const char *name);

/* Copies the value of the field `name`, for example "Tgid", from /proc/TID/status. */
bool proc_field(pid_t tid, const char *name, char *text, size_t size);

/* Does the field `name` of /proc/TID/status, for example "SigBlk", have the signal in its set? */
bool proc_has_signal(pid_t tid, const char *name, int signal);

/* Has the thread not ended yet? A process that wasn't waited for (a zombie) has ended. */
bool proc_lives(pid_t tid);

/* Returns the process that traces the thread, or 0 if no process traces it. */
pid_t proc_tracer(pid_t tid);

/* Stores the id of the thread's process. */
bool proc_process(pid_t tid, pid_t *pid);

/* Does /proc have the ids of the PID namespace in which this program runs? */
bool proc_is_ours(void);

/*
 * Does this program run in the initial PID namespace, and does /proc have the ids of this namespace? The kernel's trace (tracefs)
 * has these ids.
 */
bool proc_is_initial(void);

/* Returns the time of CLOCK_MONOTONIC in nanoseconds. The kernel's trace uses the same clock, but not its time namespaces. */
uint64_t proc_now(void);

/* Returns by how many nanoseconds CLOCK_MONOTONIC is later in this process's time namespace than in the kernel's trace. */
int64_t proc_clock_shift(void);

#endif /* RK_TOOL_PROC_H */
