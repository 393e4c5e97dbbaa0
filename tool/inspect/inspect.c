/* SPDX-License-Identifier: MIT */
/* inspect.c - `rseqkit inspect`: reads the options, and looks at the process once or repeatedly. */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "inspect.h"
#include "common/options.h"
#include "common/output.h"
#include "tool.h"

#define SECONDS_MAX 86400.0

struct settings {
	bool watch, json, all;
	double seconds; /* 0 until the option sets them */
	uint64_t count;
};

static bool has_ended(const struct inspect_look *look)
{
	struct proc_status status;

	return !proc_status(look->pid, look->pid, &status) || status.started != look->started ||
	       inspect_living_thread(look->pid) == 0;
}

static int look_once(struct inspect_look *look, const struct settings *settings)
{
	int status = inspect_process(look);

	if (status != EXIT_CLEAN)
		return status;
	if (has_ended(look)) {
		look->count = 0;
		if (!settings->watch)
			complain("process %d has ended during the look", (int)look->pid);
		return EXIT_USAGE;
	}
	inspect_conclude(look);
	if (settings->watch && !settings->json && isatty(STDOUT_FILENO))
		fputs("\033[H\033[2J", stdout);
	if (settings->json)
		inspect_print_json(look, settings->watch);
	else
		inspect_print_text(look, settings->all);
	return inspect_exit_status(look);
}

/* Raises the limit of open files, because each file that the process has mapped needs a descriptor. */
static void want_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* Looks once, or repeatedly with --watch. A watch ends at the latest when the process ends. */
static int run(pid_t pid, const struct settings *settings)
{
	struct inspect_look look = {.pid = pid};
	const struct timespec pause = {(time_t)settings->seconds,
				       (long)((settings->seconds - (double)(time_t)settings->seconds) * 1e9)};
	int status;

	want_descriptors();
	status = look_once(&look, settings);
	for (uint64_t i = 1; settings->watch && i != settings->count && look.count != 0; i++) {
		int next;

		/* main() reports errors of output. */
		if (fflush(stdout) != 0)
			break;
		nanosleep(&pause, NULL);
		if (has_ended(&look))
			break;
		next = look_once(&look, settings);
		if (look.count == 0 && has_ended(&look))
			break;
		status = look.count != 0 ? inspect_worse(status, next) : next;
	}
	free(look.threads);
	inspect_forget_files(&look);
	return status;
}

static bool read_option(int option, struct settings *settings)
{
	switch (option) {
	case 'a':
		settings->all = true;
		return true;
	case 'j':
		settings->json = true;
		return true;
	case 'n':
		return option_number("--count", optarg, 1, UINT64_MAX, &settings->count);
	case 'w':
		settings->watch = true;
		return optarg == NULL || option_fraction("--watch", optarg, 0.01, SECONDS_MAX, &settings->seconds);
	default:
		return false;
	}
}

int cmd_inspect(const struct command *command, int argc, char **argv)
{
	struct settings settings = {.seconds = 0};
	uint64_t pid;
	int option;

	while ((option = option_next(command, argc, argv)) != -1) {
		if (option == 'h')
			return option_help(command);
		if (!read_option(option, &settings))
			return option_misuse(command);
	}
	/* Also accept "-w 1 PID". getopt_long() finds an optional argument only in the same word as its option. */
	if (settings.watch && settings.seconds == 0 && argc - optind == 2 &&
	    !option_fraction("--watch", argv[optind++], 0.01, SECONDS_MAX, &settings.seconds))
		return option_misuse(command);
	if (settings.seconds == 0)
		settings.seconds = 1;
	if (optind + 1 != argc) {
		complain("give the id of one process");
		return option_misuse(command);
	}
	if (settings.count != 0 && !settings.watch) {
		complain("--count needs --watch");
		return option_misuse(command);
	}
	if (!option_number("PID", argv[optind], 1, INT_MAX, &pid))
		return option_misuse(command);
	return run((pid_t)pid, &settings);
}
