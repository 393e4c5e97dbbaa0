/* SPDX-License-Identifier: MIT */
/* bench.c - `rseqkit bench`: reads the options, and selects the benches to run. */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"
#include "common/json.h"
#include "common/options.h"
#include "common/output.h"
#include "common/self.h"
#include "conclude.h"
#include "figures.h"
#include "page.h"
#include "tool.h"

#define SECONDS_MIN 0.01
#define SECONDS_MAX 3600.0

struct settings {
	double seconds;
	unsigned threads[BENCH_THREAD_COUNTS_MAX];
	unsigned thread_counts;
	const char *output; /* the file of --output, or NULL */
	struct file file;   /* the file `output`, after it is opened */
	const char *report; /* the folder of --report, or NULL */
	const char *from;   /* the file of --from, or NULL */
	bool json, list;
};

/* Adds a number of threads to the list, unless the list already has this number. */
static bool add_threads(struct settings *s, unsigned threads)
{
	for (unsigned i = 0; i < s->thread_counts; i++)
		if (s->threads[i] == threads)
			return true;
	if (s->thread_counts == BENCH_THREAD_COUNTS_MAX) {
		complain("--threads takes at most %d numbers", BENCH_THREAD_COUNTS_MAX);
		return false;
	}
	s->threads[s->thread_counts++] = threads;
	return true;
}

static bool parse_threads(struct settings *s, const char *list)
{
	char *copy = strdup(list), *rest = copy, *one;
	bool good = copy != NULL;
	uint64_t number;

	s->thread_counts = 0;
	while (good && (one = strsep(&rest, ",")) != NULL)
		good = option_number("--threads", one, 1, BENCH_THREADS_MAX, &number) &&
		       add_threads(s, (unsigned)number);
	free(copy);
	return good;
}

/* Reads the options. Returns -1, or the exit code if the command ends here. */
static int parse(struct settings *s, const struct command *command, int argc, char **argv)
{
	int option;

	while ((option = option_next(command, argc, argv)) >= 0)
		switch (option) {
		case 't':
			if (!option_fraction("--time", optarg, SECONDS_MIN, SECONDS_MAX, &s->seconds))
				return option_misuse(command);
			break;
		case 'n':
			if (!parse_threads(s, optarg))
				return option_misuse(command);
			break;
		case 'l':
			s->list = true;
			break;
		case 'j':
			s->json = true;
			break;
		case 'o':
			s->output = optarg;
			break;
		case 'r':
			s->report = optarg;
			break;
		case 'f':
			s->from = optarg;
			break;
		case 'h':
			return option_help(command);
		default:
			return option_misuse(command);
		}
	return -1;
}

/* Selects the named benches; all if none is named. */
static bool choose(struct bench_run *run, char **names)
{
	for (unsigned i = 0; i < run->count; i++)
		run->benches[i].selected = names[0] == NULL;
	for (; names[0] != NULL; names++) {
		bool found = false;

		for (unsigned i = 0; i < run->count; i++)
			if (strcmp(run->benches[i].name, names[0]) == 0)
				found = run->benches[i].selected = true;
		if (!found) {
			complain("unknown bench '%s'; 'rseqkit bench --list' shows all", names[0]);
			return false;
		}
	}
	return true;
}

static bool measured_any(const struct bench_run *run)
{
	for (unsigned i = 0; i < run->group_count; i++)
		for (unsigned j = 0; j < run->groups[i].bench->contender_count; j++)
			if (run->groups[i].cells[j].unavailable[0] == '\0')
				return true;
	return false;
}

/* Can files be created in the folder? Creates the folder if it doesn't exist. */
static bool can_fill(const char *folder)
{
	struct stat status;
	int error = mkdir(folder, 0777) != 0 && errno != EEXIST ? errno : 0;

	if (error == 0)
		error = stat(folder, &status) != 0 ? errno : !S_ISDIR(status.st_mode) ? ENOTDIR : 0;
	if (error == 0 && !self_may(folder, W_OK | X_OK))
		error = errno;
	if (error != 0)
		complain("cannot write into %s: %s", folder, strerror(error));
	return error == 0;
}

/* Can the report be made later, if the user wants it? If not, prints a message and returns false. */
static bool can_show(const struct settings *s)
{
	return s->report == NULL || can_fill(s->report);
}

/* Handles --from: shows figures that were measured before. */
static int show_file(const struct settings *s, char **names)
{
	struct figures figures = {0};
	bool good = false;

	if (s->report == NULL || names[0] != NULL || s->output != NULL || s->json || s->list || s->seconds > 0 || s->thread_counts > 0)
		complain("--from needs --report, and excludes all other options and benches");
	else
		good = can_show(s) && figures_read(&figures, s->from) && page_write(&figures, s->report, true);
	figures_release(&figures);
	return good ? EXIT_CLEAN : EXIT_USAGE;
}

/* Writes the text, the JSON and the report, as the options say. Returns false after a message. */
static bool put_out(const struct bench_run *run, struct settings *s)
{
	json_object *report = bench_json(run);
	struct figures figures = {0};
	bool good = true;

	if (!s->json) {
		bench_print_text(run);
		good = figures_take(&figures, report, "the report");
		if (good)
			conclude_print(&figures);
		figures_release(&figures);
	}
	if (good && s->output != NULL)
		good = bench_save_json(report, &s->file);
	if (good && s->report != NULL)
		good = figures_take(&figures, report, "the report") && page_write(&figures, s->report, !s->json);
	figures_release(&figures);
	if (s->json)
		json_print(report);
	else
		json_object_put(report);
	return good;
}

static int run_benches(struct bench_run *run, struct settings *s, char **names)
{
	if (!bench_list(run) || !choose(run, names))
		return EXIT_USAGE;
	if (s->list) {
		bench_print_list(run);
		return EXIT_CLEAN;
	}
	/* Check the outputs before measuring, because measuring takes about a minute. */
	if ((s->output != NULL && !file_open(&s->file, s->output)) || !can_show(s))
		return EXIT_USAGE;
	if (!bench_measure(run, s->threads, s->thread_counts, s->seconds))
		return EXIT_USAGE;
	if (!put_out(run, s))
		return EXIT_USAGE;
	return measured_any(run) ? EXIT_CLEAN : EXIT_UNSURE;
}

static void default_threads(struct settings *s)
{
	unsigned cpus = bench_usable_cpus(), twice = cpus < BENCH_THREADS_MAX / 2 ? 2 * cpus : BENCH_THREADS_MAX;

	if (s->report == NULL) {
		(void)(add_threads(s, 1) && add_threads(s, 2) && add_threads(s, twice));
		return;
	}
	/* The charts over threads show powers of two below the number of CPUs, and one to four times the number of CPUs. */
	for (unsigned threads = 1; threads < cpus && threads <= BENCH_THREADS_MAX; threads *= 2)
		(void)add_threads(s, threads);
	for (unsigned times = 1; times <= 4; times++)
		if (times * cpus <= BENCH_THREADS_MAX)
			(void)add_threads(s, times * cpus);
}

int cmd_bench(const struct command *command, int argc, char **argv)
{
	static struct bench_run run;
	struct settings s = {0};
	int status;

	status = parse(&s, command, argc, argv);
	if (status >= 0)
		return status;
	if (s.list && s.json) {
		complain("--list writes no JSON");
		return option_misuse(command);
	}
	signal(SIGXFSZ, SIG_IGN); /* a file that exceeds the process's limit is reported like a full disk */
	if (s.from != NULL)
		return show_file(&s, argv + optind);
	if (s.thread_counts == 0)
		default_threads(&s);
	status = run_benches(&run, &s, argv + optind);
	file_close(&s.file);
	bench_end(&run);
	return status;
}
