/* SPDX-License-Identifier: MIT */
/*
 * torture.c - `rseqkit torture`: reads the options, has the program's critical sections aborted, and prints the report.
 *
 * A process that the command attaches to (--pid) must survive the end of the command. The tracer of such a process is therefore
 * a process in a session of its own. The tracer learns from a pipe that the command has ended, for whatever reason. Then the
 * tracer removes its breakpoints and detaches.
 */
#define _GNU_SOURCE
#include "torture.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/file.h"
#include "common/options.h"
#include "common/output.h"
#include "common/proc.h"
#include "arch/machine.h"
#include "run.h"
#include "tool.h"

/* Returns the exit code that follows from the result. */
static int verdict_of(const struct torture_settings *settings, const struct torture_result *result)
{
	for (const struct violation *violation = result->violations; violation != NULL; violation = violation->next)
		if (violation->sure || settings->strict)
			return EXIT_FINDINGS;
	if (result->ended && result->status != 0)
		return EXIT_FINDINGS;
	if (settings->reach) {
		for (const struct module *module = result->modules; module != NULL; module = module->next)
			for (uint32_t i = 0; i < module->insn_count; i++)
				if (module->insns[i].reached > 0)
					return EXIT_CLEAN;
		return EXIT_UNSURE;
	}
	return result->confirmed > 0 ? EXIT_CLEAN : EXIT_UNSURE;
}

/*
 * Runs the program, and runs it again while each run covers further instructions, at most `settings->runs` times. With --pid,
 * runs again only while the process lives.
 */
static int run_all(const struct torture_settings *settings, struct torture_result *result, int stop)
{
	uint64_t covered = 0, before;
	int status;

	do {
		before = covered;
		status = torture_run(settings, result, stop);
		covered = 0;
		for (const struct module *module = result->modules; module != NULL; module = module->next)
			for (uint32_t i = 0; i < module->insn_count; i++)
				covered += catalog_is_covered(settings, &module->insns[i]);
		result->runs++;
	} while (status == EXIT_CLEAN && result->status == 0 && covered > before && result->runs < settings->runs &&
		 !(settings->pid != 0 && result->ended));
	return status;
}

/* Prints the report to the file that the user has chosen. If this fails, prints a message and returns false. */
static bool print_to(const struct torture_settings *settings, const struct torture_result *result, struct file *file)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = settings->output == NULL ? stdout : open_memstream(&text, &size);
	bool done = true;

	if (out == NULL) {
		complain("out of memory");
		return false;
	}
	torture_print(settings, result, out);
	if (settings->output != NULL)
		done = fclose(out) == 0 && file_put(file, text, size);
	free(text);
	return done;
}

static int run_and_print(const struct torture_settings *settings, int stop)
{
	struct file file = {NULL, -1};
	struct torture_result result;
	int status;

	memset(&result, 0, sizeof(result));
	if (settings->output != NULL && !file_open(&file, settings->output))
		return EXIT_USAGE;
	status = run_all(settings, &result, stop);
	if (status == EXIT_CLEAN)
		status = print_to(settings, &result, &file) ? verdict_of(settings, &result) : EXIT_USAGE;
	file_close(&file);
	while (result.violations != NULL) {
		struct violation *next = result.violations->next;

		free(result.violations);
		result.violations = next;
	}
	while (result.modules != NULL) {
		struct module *next = result.modules->next;

		catalog_forget(result.modules);
		result.modules = next;
	}
	return status;
}

static volatile sig_atomic_t ended;

static void note_end(int signal)
{
	(void)signal;
	ended = 1;
}

/* Runs the tracer as a process in a session of its own, and waits for its end. */
static int run_apart(const struct torture_settings *settings)
{
	int pipes[2], status = 0;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC | O_NONBLOCK) != 0) {
		complain("cannot make a pipe: %s", strerror(errno));
		return EXIT_USAGE;
	}
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		close(pipes[1]);
		(void)setsid();
		(void)signal(SIGPIPE, SIG_IGN); /* a closed stderr must not end the tracer */
		status = run_and_print(settings, pipes[0]);
		fflush(stdout);
		_exit(status);
	}
	close(pipes[0]);
	if (pid < 0) {
		complain("cannot start the tracer: %s", strerror(errno));
		close(pipes[1]);
		return EXIT_USAGE;
	}
	/* If the command gets one of these signals, the torture ends, and the report is still printed. */
	for (int i = 0; i < 4; i++) {
		static const int ends[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP};
		struct sigaction action;

		memset(&action, 0, sizeof(action));
		action.sa_handler = note_end;
		(void)sigaction(ends[i], &action, NULL);
	}
	while (waitpid(pid, &status, 0) != pid) {
		if (errno != EINTR) { /* the tracer sees that this process has ended, and ends */
			complain("cannot wait for the tracer: %s", strerror(errno));
			return EXIT_USAGE;
		}
		if (ended && pipes[1] >= 0) {
			close(pipes[1]);
			pipes[1] = -1;
		}
	}
	if (pipes[1] >= 0)
		close(pipes[1]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_USAGE;
}

/* Reads one option. Returns false if it is wrong. */
static bool read_option(int option, struct torture_settings *settings)
{
	uint64_t number = 0;

	switch (option) {
	case 'e':
		settings->random = 0;
		return true;
	case 'n':
		return option_number("--rounds", optarg, 1, 1000000, &settings->rounds);
	case 'r':
		return option_number("--random", optarg, 1, 1000000000, &settings->random);
	case OPTION_SEED:
		return option_number("--seed", optarg, 0, UINT32_MAX, &settings->seed);
	case 'm':
		settings->migrate = true;
		return true;
	case OPTION_REACH:
		settings->reach = true;
		return true;
	case OPTION_STRICT:
		settings->strict = true;
		return true;
	case 'p':
		if (!option_number("--pid", optarg, 1, INT_MAX, &number))
			return false;
		settings->pid = (pid_t)number;
		return true;
	case 't':
		return option_fraction("--time", optarg, 0.001, 1e6, &settings->seconds);
	case OPTION_RUNS:
		return option_number("--runs", optarg, 1, 1000000, &settings->runs);
	case 'o':
		settings->output = optarg;
		return true;
	case 'j':
		settings->json = true;
		return true;
	default:
		return false;
	}
}

int cmd_torture(const struct command *command, int argc, char **argv)
{
	struct torture_settings settings = {.seed = 1, .runs = 1};
	int option;

	while ((option = option_next(command, argc, argv)) != -1) {
		if (option == 'h')
			return option_help(command);
		if (!read_option(option, &settings))
			return option_misuse(command);
	}
	settings.command = argv + optind;
	if ((settings.pid != 0) == (optind < argc)) {
		complain("give either a program or --pid");
		return option_misuse(command);
	}
	if (settings.random > 0 && settings.rounds > 0) {
		complain("--rounds counts aborts at each instruction, and --random all aborts; give one of them");
		return option_misuse(command);
	}
	if (settings.seconds > 0 && settings.pid == 0) {
		complain("--time is for --pid");
		return option_misuse(command);
	}
	if (settings.rounds == 0)
		settings.rounds = 1;
	if (settings.seconds <= 0)
		settings.seconds = 10;
	if (settings.reach && (settings.random > 0 || settings.migrate)) {
		complain("--reach counts without aborts; leave out --random and --migrate");
		return option_misuse(command);
	}
	if (!machine_has_port) {
		complain("torture works on x86-64 and aarch64 only");
		return EXIT_USAGE;
	}
	if (!proc_is_ours()) {
		complain("/proc has the processes of another PID namespace, or isn't mounted");
		return EXIT_USAGE;
	}
	return settings.pid != 0 ? run_apart(&settings) : run_and_print(&settings, -1);
}
