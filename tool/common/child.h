/* SPDX-License-Identifier: MIT */
/*
 * child.h - runs a function in a child process with a time limit, and collects the child's output.
 *
 * Use this for functions that can crash, hang, or change a thread's rseq registration. The child leaves no core file, and blocks
 * no signal.
 */
#ifndef RK_TOOL_CHILD_H
#define RK_TOOL_CHILD_H

#include <stdbool.h>
#include <stddef.h>

enum child_end {
	CHILD_EXITED,    /* `number` is the exit status */
	CHILD_KILLED,    /* `number` is the signal */
	CHILD_TIMED_OUT, /* child_run() killed the child */
	CHILD_NOT_RUN,   /* `number` is the errno of pipe() or fork() */
	CHILD_LOST       /* the child has run, and `number` is the errno of waitpid(), which didn't tell how the child ended */
};

struct child_result {
	enum child_end end;
	int number;
	size_t size;       /* bytes in `output` */
	char output[1024]; /* NUL-terminated; further output is dropped */
};

/* A function that runs in the child, and writes its results to `out`. Returns the child's exit status. */
typedef int child_function(int out, const void *argument);

/* Exit statuses of a child that could not execute a program. */
enum { CHILD_NO_EXEC = 126, CHILD_NO_PROGRAM = 127 };

/*
 * Runs the function in a child process. If the child hasn't ended after `limit_ms` milliseconds, kills it. Stores how the child
 * ended, and what it wrote.
 */
void child_run(child_function *function, const void *argument, int limit_ms, struct child_result *result);

/*
 * In a child: executes a program found by PATH, with `out` as stdout. If the program can't be started, returns
 * CHILD_NO_EXEC or CHILD_NO_PROGRAM.
 */
int child_exec(int out, char *const *arguments);

/* Did the child exit with status 0? */
bool child_succeeded(const struct child_result *result);

#endif /* RK_TOOL_CHILD_H */
