/* SPDX-License-Identifier: MIT */
/*
 * child.h - does something in a child process, within a time limit, and takes what it wrote.
 *
 * For everything that may die, hang, or change a registration for good. The child leaves no core file, and has no signal
 * blocked.
 */
#ifndef RK_TOOL_CHILD_H
#define RK_TOOL_CHILD_H

#include <stdbool.h>
#include <stddef.h>

enum child_end {
	CHILD_EXITED,    /* number is the exit status */
	CHILD_KILLED,    /* number is the signal */
	CHILD_TIMED_OUT, /* it was killed by us */
	CHILD_NOT_RUN    /* number is the errno of pipe() or fork() */
};

struct child_result {
	enum child_end end;
	int number;
	size_t size;       /* of what it wrote */
	char output[1024]; /* NUL-terminated; the rest is dropped */
};

/* Runs in the child; `out` is where its results go. Returns the exit status. */
typedef int child_function(int out, const void *argument);

/* What a child's exit status says when it could not exec a program. */
enum { CHILD_NO_EXEC = 126, CHILD_NO_PROGRAM = 127 };

void child_run(child_function *function, const void *argument, int limit_ms, struct child_result *result);

/* In a child: runs a program found by PATH with stdout at `out`; returns an exit status only where that fails. */
int child_exec(int out, char *const *arguments);

/* Did it exit with status 0? */
bool child_succeeded(const struct child_result *result);

#endif /* RK_TOOL_CHILD_H */
