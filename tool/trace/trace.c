/* SPDX-License-Identifier: MIT */
/* trace.c - `rseqkit trace`: reads the options, and runs one trace. */
#include "trace.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/options.h"
#include "common/output.h"
#include "tool.h"

#define STEP_MS 100
#define SECONDS_MAX 31536000.0

struct options {
	struct tracer_settings settings;
	pid_t *pids;
	bool json, all;
};

static bool read_option(int option, struct options *options)
{
	switch (option) {
	case 'a':
		options->all = true;
		return true;
	case 'b':
		return option_number("--buffer", optarg, 4, 1U << 20, &options->settings.buffer_kb);
	case 'j':
		options->json = true;
		return true;
	case 'o':
		options->settings.output = optarg;
		return true;
	case 'p':
		return tracer_add_pid(optarg, &options->pids, &options->settings.pid_count);
	case 't':
		return option_fraction("--time", optarg, 0.001, SECONDS_MAX, &options->settings.seconds);
	case 'u':
		options->settings.updates = true;
		return true;
	default:
		return false;
	}
}

static int run(const struct options *options)
{
	tracer_abort *function = options->json ? trace_json_abort : NULL;
	struct tracer tracer;
	int status = tracer_begin(&tracer, &options->settings);

	if (status == EXIT_CLEAN && options->json)
		trace_json_start(&tracer);
	if (status == EXIT_CLEAN) {
		while (tracer_step(&tracer, STEP_MS, function))
			if (options->json)
				trace_flush(&tracer);
		tracer_finish(&tracer, function);
		if (options->json)
			trace_json_summary(&tracer);
		else
			trace_print_tables(&tracer, options->all);
	}
	tracer_forget(&tracer);
	if (!options->json && options->settings.output != NULL && (fflush(stdout) != 0 || ferror(stdout))) {
		complain("cannot write to %s", options->settings.output);
		clearerr(stdout); /* otherwise main() would report the error again, of standard output */
		status = EXIT_USAGE;
	}
	if (tracer.output_failed) {
		complain("cannot write the trace, so it has ended");
		status = EXIT_USAGE;
	}
	return status;
}

int cmd_trace(const struct command *command, int argc, char **argv)
{
	struct options options = {.pids = NULL};
	int option, status;

	while ((option = option_next(command, argc, argv)) != -1) {
		if (option == 'h') {
			free(options.pids);
			return option_help(command);
		}
		if (!read_option(option, &options)) {
			free(options.pids);
			return option_misuse(command);
		}
	}
	options.settings.pids = options.pids;
	options.settings.program = optind < argc ? argv + optind : NULL;
	if (options.settings.program != NULL && options.pids != NULL) {
		complain("--pid and a program exclude each other");
		free(options.pids);
		return option_misuse(command);
	}
	status = run(&options);
	free(options.pids);
	return status;
}
