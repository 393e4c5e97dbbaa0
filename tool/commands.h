/* SPDX-License-Identifier: MIT */
/*
 * commands.h - the table of commands. Its order is the order of `rseqkit --help`.
 *
 * With RK_SMALL_TOOL, the tool has only `doctor` and `exec`. With RK_SMALL_TOOL and RK_EXEC_ONLY, it has only `exec`.
 */
#ifndef RK_TOOL_COMMANDS_H
#define RK_TOOL_COMMANDS_H

#include "tool.h"

enum command_id {
#ifndef RK_EXEC_ONLY
	COMMAND_DOCTOR,
#endif
#ifndef RK_SMALL_TOOL
	COMMAND_DEMO,
	COMMAND_BENCH,
	COMMAND_INSPECT,
	COMMAND_TRACE,
	COMMAND_TOP,
	COMMAND_LINT,
	COMMAND_TORTURE,
#endif
	COMMAND_EXEC,
	COMMANDS
};

extern const struct command commands[COMMANDS];

/* The options of rseqkit without a command. */
extern const struct option_row main_options[];

#endif /* RK_TOOL_COMMANDS_H */
