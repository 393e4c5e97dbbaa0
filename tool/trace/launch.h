/* SPDX-License-Identifier: MIT */
/*
 * launch.h - starts the traced program, and notices signals that end the trace.
 *
 * The program first waits in a child of this tool, until its events are enabled. The invariant: the program has the signal
 * handling, the signal mask and the files with which this tool was started.
 */
#ifndef RK_TOOL_TRACE_LAUNCH_H
#define RK_TOOL_TRACE_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

struct launch {
	pid_t pid; /* 0 if there is no program */
	int go, failure;
	bool has_ended, was_stopped; /* was_stopped: this tool sent SIGTERM */
	int status; /* as waitpid() has it */
};

/* Starts the child, which waits. Call this before anything else is opened. If that fails, prints why and returns false. */
bool launch_hold(struct launch *launch, char **program);

/* Lets the child execute the program. If that fails, prints why and returns false. */
bool launch_go(struct launch *launch, const char *name);

/* Has the program ended? */
bool launch_has_ended(struct launch *launch);

/*
 * If the program still runs, sends SIGTERM to it, and waits for its end, at most three seconds. If the child doesn't execute the
 * program yet, the child ends at once.
 */
void launch_stop(struct launch *launch);

/*
 * From now on, SIGINT, SIGTERM, SIGHUP and SIGQUIT don't end this process. It notes each of these signals that it doesn't ignore.
 * A write to a closed pipe returns an error.
 */
void launch_note_signals(void);

/* Returns the signal that was noted, or 0. */
int launch_signal(void);

#endif /* RK_TOOL_TRACE_LAUNCH_H */
