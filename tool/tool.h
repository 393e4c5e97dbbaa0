/* SPDX-License-Identifier: MIT */
/*
 * tool.h - what the subcommands of rseqkit share: the exit codes, the table entry, and messages.
 *
 * Results go to stdout, and everything else to stderr.
 */
#ifndef RK_TOOL_H
#define RK_TOOL_H

/* Exit codes of every subcommand. */
enum {
	EXIT_CLEAN = 0,    /* done, and there is nothing to do */
	EXIT_FINDINGS = 1, /* done, and findings need action */
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

/* Prints "rseqkit COMMAND: MESSAGE\n" on stderr, in lines that fit a terminal. complain_as() sets "rseqkit COMMAND". */
void complain_as(const char *command);
void complain(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));

#endif /* RK_TOOL_H */
