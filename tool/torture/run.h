/* SPDX-License-Identifier: MIT */
/* run.h - runs a whole torture. */
#ifndef RK_TOOL_TORTURE_RUN_H
#define RK_TOOL_TORTURE_RUN_H

#include "torture.h"

/*
 * Starts the program and traces it to its end, or attaches to the process. `stop` is a pipe that doesn't block, or -1: if it has
 * data or no writer, the tracer detaches from the process. Returns EXIT_CLEAN, or EXIT_USAGE with a message.
 */
int torture_run(const struct torture_settings *settings, struct torture_result *result, int stop);

#endif /* RK_TOOL_TORTURE_RUN_H */
