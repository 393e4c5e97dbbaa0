/* SPDX-License-Identifier: MIT */
/* main.c - the table of subcommands, and what is common before one of them runs. */
#include <fcntl.h>
#include <rseqkit/api.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/output.h"
#include "tool.h"

static const struct command commands[] = {
#ifndef RK_EXEC_ONLY
	{"doctor", "can rseq be used here, who owns it, what is missing, what to do about it", cmd_doctor},
	{"demo", "count real files with per-CPU counters, and check and time the result", cmd_demo},
	{"bench", "measure operations beside what else one would use", cmd_bench},
	{"inspect", "who owns the registrations of a running process's threads, and where they are", cmd_inspect},
#endif
	{"exec", "run a program with every thread registered", cmd_exec},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *to)
{
	print_help_text(to,
			"Usage: rseqkit COMMAND [OPTION...]\n"
			"       rseqkit help [COMMAND]\n"
			"       rseqkit --help | --version\n"
			"\n"
			"Explains and measures restartable sequences (rseq) on this machine.\n"
			"\n"
			"Commands:\n");
	for (size_t i = 0; i < COMMANDS; i++)
		print_line(to, 0, 9, "  %-8s %s", commands[i].name, commands[i].summary);
	print_help_text(to,
			"\n"
			"'rseqkit COMMAND --help' describes a command. Exit status: 0 clean, 1 findings,\n"
			"2 wrong usage or environment, 3 cannot tell.\n");
}

/* Output that can't be written is an error, not a success: a full disk must not look like an empty result. */
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
	complain("unknown command '%s'; 'rseqkit --help' lists them", name);
	return NULL;
}

/* A command by its name, as it is to be called in messages: getopt_long() takes that from the arguments. */
static int run(const struct command *command, int argc, char **argv)
{
	static char name[32];

	snprintf(name, sizeof(name), "rseqkit %s", command->name);
	complain_as(name);
	argv[0] = name;
	return command->run(argc, argv);
}

static bool asks_for_help(const char *argument)
{
	return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0 || strcmp(argument, "help") == 0;
}

/* `rseqkit help [COMMAND]`; help itself is described by what lists the commands. */
static int run_help(int argc, char **argv)
{
	char option[] = "--help";
	char *arguments[] = {NULL, option, NULL};
	const struct command *command;

	if (argc > 1) {
		complain("help takes one command, not '%s' as well", argv[1]);
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
 * A standard stream that is closed must not become the next file or pipe that is opened. What takes its place is open for
 * reading only, so that output to it fails as before.
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
