/* SPDX-License-Identifier: MIT */
/*
 * tool.h - declares what rseqkit's subcommands share: exit codes, the entry of the table of subcommands, and messages.
 *
 * Results go to stdout, and everything else to stderr.
 */
#ifndef RK_TOOL_H
#define RK_TOOL_H

/* Exit codes of every subcommand. */
enum {
	EXIT_CLEAN = 0,    /* done; no action is needed */
	EXIT_FINDINGS = 1, /* done; findings need action */
	EXIT_USAGE = 2,    /* wrong usage, or the environment lacks something */
	EXIT_UNSURE = 3    /* an answer is unknown */
};

struct command {
	const char *name;
	const char *summary;                 /* one line for `rseqkit --help` */
	int (*run)(int argc, char **argv);   /* argv[0] is the subcommand's name; returns an exit code */
};

int cmd_bench(int argc, char **argv);
int cmd_demo(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_exec(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_lint(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_torture(int argc, char **argv);
int cmd_trace(int argc, char **argv);

/* Sets the beginning of all later messages, such as "rseqkit demo". The caller keeps the string. */
void complain_as(const char *command);

/* Prints the beginning that complain_as() set, ": " and the message on stderr, in lines that fit the terminal. Adds a newline. */
void complain(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));

#endif /* RK_TOOL_H */
