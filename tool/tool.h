/* SPDX-License-Identifier: MIT */
/*
 * tool.h - declares what rseqkit's subcommands share: exit codes, the description of a command, and messages.
 *
 * Results go to stdout, and everything else to stderr.
 */
#ifndef RK_TOOL_H
#define RK_TOOL_H

#include <stdbool.h>
#include <stddef.h>

/* Exit codes of every subcommand. */
enum {
	EXIT_CLEAN = 0,    /* done; no action is needed */
	EXIT_FINDINGS = 1, /* done; findings need action */
	EXIT_USAGE = 2,    /* wrong usage, or the environment lacks something */
	EXIT_UNSURE = 3    /* an answer is unknown */
};

/* Codes of options without a short name. */
enum { OPTION_SEED = 256, OPTION_REACH, OPTION_STRICT, OPTION_RUNS, OPTION_RULES };

/* An option of a command. Shells complete an argument or an operand by the words "FILE", "PID" and so on, see completion.c. */
struct option_row {
	int code;             /* the value that option_next() returns. If it is a letter, it is the option's short name */
	const char *name;     /* the long name, without "--" */
	const char *argument; /* a word for the argument, such as "FILE", or "[SECONDS]" if it is optional; NULL: no argument */
	const char *help;
};

/* Does the option have a name of one letter? */
static inline bool option_is_short(const struct option_row *option)
{
	return option->code < OPTION_SEED;
}

/* Can the option's argument be left out? */
static inline bool option_is_optional(const struct option_row *option)
{
	return option->argument != NULL && option->argument[0] == '[';
}

/* A command. tool/commands.c has all of them: parsing, --help and completion use only this description. */
struct command {
	const char *name;
	const char *summary;              /* one line for `rseqkit --help` */
	const char *usage;                /* the usage after the command's name; a line for each form */
	const char *about;                /* what the command does; it has line breaks */
	const struct option_row *options; /* the last row has no name */
	const char *ending;               /* the text after the options; it has line breaks */
	const char *operand;              /* a word for the operand, such as "FILE"; NULL if the command takes options only */
};

/*
 * Runs a command, and returns an exit code. argv[0] must be the command's full name, such as "rseqkit demo", because
 * getopt_long() begins its messages with argv[0].
 */
typedef int command_function(const struct command *command, int argc, char **argv);

command_function cmd_bench, cmd_demo, cmd_doctor, cmd_exec, cmd_inspect, cmd_lint, cmd_top, cmd_torture, cmd_trace;

/* Sets the beginning of all later messages, such as "rseqkit demo". The caller keeps the string. */
void complain_as(const char *command);

/*
 * Prints the beginning that complain_as() set, ": " and the message on stderr, in lines that fit the terminal. Adds a newline.
 * Control characters in the message become '?', because a file's name can have them, and a terminal mustn't get them.
 */
void complain(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));

#endif /* RK_TOOL_H */
