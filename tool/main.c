/* SPDX-License-Identifier: MIT */
/* main.c - runs the command that the arguments name. Each command of commands.c has a function here. */
#include <fcntl.h>
#include <rseqkit/api.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "common/output.h"
#include "tool.h"

static command_function *const functions[COMMANDS] = {
#ifndef RK_EXEC_ONLY
	[COMMAND_DOCTOR] = cmd_doctor,
#endif
#ifndef RK_SMALL_TOOL
	[COMMAND_DEMO] = cmd_demo, [COMMAND_BENCH] = cmd_bench, [COMMAND_INSPECT] = cmd_inspect, [COMMAND_TRACE] = cmd_trace,
	[COMMAND_TOP] = cmd_top,   [COMMAND_LINT] = cmd_lint,	[COMMAND_TORTURE] = cmd_torture,
#endif
	[COMMAND_EXEC] = cmd_exec,
};

static void print_help(FILE *to)
{
	print_help_text(to,
			"Usage: rseqkit COMMAND [OPTION...]\n"
			"       rseqkit help [COMMAND]\n"
			"       rseqkit --help | --version\n"
			"\n"
			"Reports which features of restartable sequences (rseq) work here, and measures\n"
			"what they gain.\n"
			"\n"
			"Commands:\n");
	for (size_t i = 0; i < COMMANDS; i++)
		print_line(to, 0, 9, "  %-8s %s", commands[i].name, commands[i].summary);
	print_help_text(to,
			"\n"
			"'rseqkit COMMAND --help' describes a command. Exit status: 0 nothing to do,\n"
			"1 findings need action, 2 wrong usage or environment, 3 an answer is unknown.\n");
}

/* A failed write of output is an error: a full disk must not look like an empty result. */
static int finish(int status)
{
	if (fflush(stdout) != 0 || ferror(stdout)) {
		complain("cannot write to standard output");
		return EXIT_USAGE;
	}
	return status;
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(name, commands[i].name) == 0)
			return &commands[i];
	complain("unknown command '%s'; 'rseqkit --help' lists all commands", name);
	return NULL;
}

/* Runs a command. Stores "rseqkit COMMAND" in argv[0], because getopt_long() begins its messages with argv[0]. */
static int run(const struct command *command, int argc, char **argv)
{
	static char name[32];

	snprintf(name, sizeof(name), "rseqkit %s", command->name);
	complain_as(name);
	argv[0] = name;
	return functions[command - commands](command, argc, argv);
}

static bool asks_for_help(const char *argument)
{
	return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0 || strcmp(argument, "help") == 0;
}

/* Handles `rseqkit help [COMMAND]`. `rseqkit help help` prints the list of commands. */
static int run_help(int argc, char **argv)
{
	char option[] = "--help";
	char *arguments[] = {NULL, option, NULL};
	const struct command *command;

	if (argc > 1) {
		complain("help takes one command; '%s' is one too many", argv[1]);
		return EXIT_USAGE;
	}
	if (argc == 0 || asks_for_help(argv[0])) {
		print_help(stdout);
		return EXIT_CLEAN;
	}
	command = find(argv[0]);
	return command != NULL ? run(command, 2, arguments) : EXIT_USAGE;
}

/*
 * Opens /dev/null in place of each closed standard stream, so no file or pipe that is opened later gets the number of such a
 * stream. /dev/null is open for reading only, so that output still fails.
 */
static void occupy_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	const struct command *command;

	occupy_standard_streams();
	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (asks_for_help(argv[1]))
		return finish(run_help(argc - 2, argv + 2));
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		printf("rseqkit %s\n", rk_version());
		return finish(EXIT_CLEAN);
	}
	command = find(argv[1]);
	return command != NULL ? finish(run(command, argc - 1, argv + 1)) : EXIT_USAGE;
}
