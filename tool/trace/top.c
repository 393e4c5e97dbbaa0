/* SPDX-License-Identifier: MIT */
/* top.c - `rseqkit top`: reads the options, and shows one table for each interval. */
#include "top.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/options.h"
#include "common/output.h"
#include "common/proc.h"
#include "tool.h"

#define STEP_MS 50
#define ROWS 20 /* without a terminal, a table has at most this many rows */

/* Makes the rows of the current view. */
static void sort_rows(struct tracer *tracer, struct top *top)
{
	free(top->rows);
	top->rows = tally_rows(&tracer->tally, &tracer->tasks, top->view, !top->by_total, &top->count);
}

static void print_plain(struct tracer *tracer, const struct top *top)
{
	int limit = output_columns(stdout);
	size_t columns = limit > 0 ? (size_t)limit : 1000;
	char text[1024];

	top_format_title(tracer, top, text, sizeof(text));
	printf("%.*s\n", (int)columns, text);
	top_format_header(top, columns, text, sizeof(text));
	printf("%.*s\n", (int)columns, text);
	for (uint32_t i = 0; i < top->count && i < ROWS; i++) {
		top_format(tracer, top, i, columns, text, sizeof(text));
		printf("%.*s\n", (int)columns, text);
	}
	putchar('\n');
	tracer->output_failed |= fflush(stdout) != 0;
}

/* Shows the interval that has ended, and begins the next one. */
static void show(struct tracer *tracer, struct top *top, bool screen, uint64_t *shown_aborts)
{
	top->recent = tracer->tally.aborts - *shown_aborts;
	*shown_aborts = tracer->tally.aborts;
	tracer_count_losses(tracer);
	tally_mark(&tracer->tally);
	sort_rows(tracer, top);
	if (screen)
		top_screen_draw(tracer, top);
	else
		print_plain(tracer, top);
}

/* Returns false if the user quits. */
static bool handle_keys(struct tracer *tracer, struct top *top)
{
	enum top_request request = top_screen_keys(top);

	if (request == TOP_RESORT)
		sort_rows(tracer, top);
	if (request == TOP_RESORT || request == TOP_REDRAW)
		top_screen_draw(tracer, top);
	return request != TOP_QUIT;
}

static void watch(struct tracer *tracer, double seconds, uint64_t count)
{
	struct top top = {.view = VIEW_INSTRUCTION};
	bool screen = top_screen_open();
	uint64_t shown = 0, aborts = 0, begun = proc_now(), now;

	tracer_count_losses(tracer);
	while (tracer_step(tracer, STEP_MS, NULL)) {
		if (screen && !handle_keys(tracer, &top))
			break;
		now = proc_now();
		if (top.paused || (double)(now - begun) < seconds * 1e9)
			continue;
		top.interval = (double)(now - begun) / 1e9;
		begun = now;
		show(tracer, &top, screen, &aborts);
		if (++shown == count)
			break;
	}
	free(top.rows);
	top_screen_close();
}

static int run(const struct tracer_settings *settings, double seconds, uint64_t count)
{
	struct tracer tracer;
	int status = tracer_begin(&tracer, settings);

	if (status == EXIT_CLEAN)
		watch(&tracer, seconds, count);
	tracer_forget(&tracer);
	if (tracer.output_failed) {
		complain("cannot write to standard output");
		clearerr(stdout); /* otherwise main() would report the error again */
		status = EXIT_USAGE;
	}
	return status;
}

int cmd_top(const struct command *command, int argc, char **argv)
{
	struct tracer_settings settings = {.pids = NULL};
	double seconds = 1;
	uint64_t count = 0;
	pid_t *pids = NULL;
	bool good = true;
	int option, status;

	while (good && (option = option_next(command, argc, argv)) != -1) {
		if (option == 'h') {
			free(pids);
			return option_help(command);
		}
		good = option == 'i'   ? option_fraction("--interval", optarg, 0.1, 86400, &seconds)
		       : option == 'n' ? option_number("--count", optarg, 1, UINT64_MAX, &count)
				       : option == 'p' && tracer_add_pid(optarg, &pids, &settings.pid_count);
	}
	if (good && optind < argc) {
		complain("top takes no argument '%s'; --pid names a process", argv[optind]);
		good = false;
	}
	settings.pids = pids;
	status = good ? run(&settings, seconds, count) : option_misuse(command);
	free(pids);
	return status;
}
