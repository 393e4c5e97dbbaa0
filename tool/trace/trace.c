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

static const char help[] =
	"Usage: rseqkit trace [OPTION...] [-- PROGRAM [ARGUMENT...]]\n"
	"\n"
	"Counts the aborts of critical sections, as the kernel reports them: at which instruction,\n"
	"in which section, process and thread, and on which CPU. Traces the program and all that it\n"
	"starts, the processes that are named, or the whole machine. Needs root.\n"
	"\n"
	"  -p, --pid=PID        trace this process, and what it starts; may be given several times\n"
	"  -t, --time=SECONDS   stop after this time\n"
	"  -j, --json           write JSON: one line for each abort, and a summary\n"
	"  -a, --all            print all rows of each table\n"
	"  -u, --updates        also count how often the kernel wrote CPU numbers, for each thread\n"
	"  -b, --buffer=KIB     the size of the kernel's buffer for each CPU; 8192 or less by default\n"
	"  -o, --output=FILE    write to this file, and leave standard output to the program\n"
	"  -h, --help           show this text\n"
	"\n"
	"The trace ends with the program or the processes, after the time, or at Ctrl-C. A program\n"
	"that still runs then gets SIGTERM. Exit status: 0 traced, 2 wrong usage, no permission, or\n"
	"output that can't be written, 3 this kernel reports no aborts, or no updates.\n";

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
	if (tracer.output_failed) {
		complain("cannot write the trace, so it has ended");
		status = EXIT_USAGE;
	}
	return status;
}

int cmd_trace(int argc, char **argv)
{
	static const struct option names[] = {
		{"pid", required_argument, NULL, 'p'},
		{"time", required_argument, NULL, 't'},
		{"json", no_argument, NULL, 'j'},
		{"all", no_argument, NULL, 'a'},
		{"buffer", required_argument, NULL, 'b'},
		{"updates", no_argument, NULL, 'u'},
		{"output", required_argument, NULL, 'o'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	struct options options = {.pids = NULL};
	int option, status;

	/* "+": the options of the program aren't this tool's. */
	while ((option = getopt_long(argc, argv, "+p:t:jab:uo:h", names, NULL)) != -1) {
		if (option == 'h') {
			print_help_text(stdout, help);
			return EXIT_CLEAN;
		}
		if (!read_option(option, &options)) {
			free(options.pids);
			return option_misuse("trace");
		}
	}
	options.settings.pids = options.pids;
	options.settings.program = optind < argc ? argv + optind : NULL;
	if (options.settings.program != NULL && options.pids != NULL) {
		complain("--pid and a program exclude each other");
		free(options.pids);
		return option_misuse("trace");
	}
	status = run(&options);
	free(options.pids);
	return status;
}
