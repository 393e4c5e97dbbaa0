/* SPDX-License-Identifier: MIT */
/* run.h - `rseqkit torture`: runs a program under a tracer, or attaches the tracer to a process. */
#ifndef RK_TOOL_TORTURE_RUN_H
#define RK_TOOL_TORTURE_RUN_H

#include "torture.h"

/*
 * Starts the program and traces it to its end, or attaches to the process. `stop` is the read end of a nonblocking pipe, or -1.
 * When this pipe has data or no writer any more, the tracer detaches from the process. Returns EXIT_CLEAN, or EXIT_USAGE with a
 * message.
 */
int torture_run(const struct torture_settings *settings, struct torture_result *result, int stop);

#endif /* RK_TOOL_TORTURE_RUN_H */
