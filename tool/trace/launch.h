/* SPDX-License-Identifier: MIT */
/*
 * launch.h - starts the traced program, and notices signals that end the trace.
 *
 * The tool first forks a child, which waits until the events are enabled, and then executes the program. The invariant: the
 * program has the signal actions, the signal mask and the open files with which this tool was started.
 */
#ifndef RK_TOOL_TRACE_LAUNCH_H
#define RK_TOOL_TRACE_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

struct launch {
	pid_t pid; /* 0 if there is no program */
	int go, failure; /* pipes: the child waits for a byte of `go`, and writes exec's errno to `failure` */
	bool has_ended, was_stopped; /* was_stopped: this tool sent SIGTERM */
	bool is_lost; /* the program has ended, but waitpid() is refused, so the status is unknown; has_ended is then false */
	int status; /* the status of waitpid() */
};

/* Starts the child, which waits. Call this before anything else is opened. If that fails, prints why and returns false. */
bool launch_hold(struct launch *launch, char **program);

/* Lets the child execute the program. If that fails, prints why and returns false. */
bool launch_go(struct launch *launch, const char *name);

/* Has the program ended? */
bool launch_has_ended(struct launch *launch);

/*
 * If the program still runs, sends SIGTERM to it, and waits at most three seconds for its end. If the child hasn't executed the
 * program yet, the child ends at once.
 */
void launch_stop(struct launch *launch);

/*
 * Afterwards, SIGINT, SIGTERM, SIGHUP and SIGQUIT don't end this process. The process notes each of these signals that it doesn't
 * ignore. It also ignores SIGPIPE, so a write to a closed pipe returns an error.
 */
void launch_note_signals(void);

/* Returns the signal that was noted, or 0. */
int launch_signal(void);

#endif /* RK_TOOL_TRACE_LAUNCH_H */
