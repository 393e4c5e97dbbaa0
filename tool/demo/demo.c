/* SPDX-License-Identifier: MIT */
/*
 * demo.c - `rseqkit demo`: reads the options and the files, counts by each method in turn, and compares the counts.
 *
 * In each round, all counts of every method are compared with the reference, even counts that aren't printed.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "demo.h"
#include "common/options.h"
#include "common/output.h"
#include "common/self.h"
#include "tool.h"

#define THREADS_MAX 4096
#define CHUNK_DEFAULT ((size_t)16 * 1024)
#define CHUNK_MAX ((size_t)1 << 30)
#define SECONDS_DEFAULT 1.0
#define SECONDS_MAX 3600.0

/* The files to count if the user names none. Missing files are skipped. */
static const char *const defaults[] = {
	"/usr/share/common-licenses", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", "doc",
};

struct settings {
	uint64_t threads, chunk;
	double seconds;
	bool json;
};

static unsigned usable_cpus(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		return (unsigned)CPU_COUNT(&set);
	/* sched_getaffinity() failed, so there are more CPUs than a cpu_set_t can hold. */
	return (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
}

/* Returns -1, or the exit status if the command ends here. */
static int read_options(const struct command *command, int argc, char **argv, struct settings *settings)
{
	bool ok = true;
	int option;

	while (ok && (option = option_next(command, argc, argv)) != -1) {
		switch (option) {
		case 't':
			ok = option_number("--threads", optarg, 1, THREADS_MAX, &settings->threads);
			break;
		case 's':
			ok = option_fraction("--seconds", optarg, 0, SECONDS_MAX, &settings->seconds);
			break;
		case 'c':
			ok = option_number("--chunk", optarg, 1, CHUNK_MAX, &settings->chunk);
			break;
		case 'j':
			settings->json = true;
			break;
		case 'h':
			return option_help(command);
		default:
			ok = false;
		}
	}
	return ok ? -1 : option_misuse(command);
}

static bool read_input(struct demo_input *input, char **paths, int count)
{
	bool ok = true;

	print_progress("reading ...");
	for (int i = 0; ok && i < count; i++)
		ok = demo_input_add(input, paths[i]);
	for (size_t i = 0; ok && count == 0 && i < sizeof(defaults) / sizeof(defaults[0]); i++)
		if (self_may(defaults[i], F_OK))
			ok = demo_input_add(input, defaults[i]);
	print_progress(NULL);
	if (ok && input->count == 0) {
		complain("nothing to count. Name a file, or a directory with files.");
		ok = false;
	}
	return ok;
}

/* Runs and checks one round of one method. Stores the seconds per pass in *seconds. */
static bool run_round(struct demo_result *result, struct demo_job *job, enum demo_method method, double *seconds)
{
	struct demo_counts counts;
	char text[80];

	snprintf(text, sizeof(text), "counting with %s ...", demo_method_name(method));
	print_progress(text);
	if (!demo_count(method, job, &counts, seconds))
		return false;
	print_progress(NULL);
	*seconds /= (double)job->passes;
	if (!demo_reference_check(&result->reference, method, &counts, job->passes))
		result->verified = false;
	if (method == DEMO_RSEQKIT)
		for (int event = 0; event < DEMO_EVENTS; event++)
			result->counts.of[event] = counts.of[event] / job->passes;
	return true;
}

/* Makes one trial pass, and computes from its time how many passes a round has. Returns false if the pass fails. */
static bool choose_passes(struct demo_result *result, struct demo_job job, enum demo_method method, double seconds)
{
	double one, passes;

	job.passes = 1;
	if (!run_round(result, &job, method, &one))
		return false;
	passes = one > 0 ? seconds / DEMO_ROUNDS / one : 1;
	result->methods[method].passes = passes > DEMO_PASSES_MAX ? DEMO_PASSES_MAX : passes < 1 ? 1 : (uint64_t)passes;
	return true;
}

static int compare(const void *a, const void *b)
{
	const double *x = (const double *)a, *y = (const double *)b;

	return (*x > *y) - (*x < *y);
}

static bool run_all(struct demo_result *result, struct demo_job *job, double seconds)
{
	double times[DEMO_METHODS][DEMO_ROUNDS];

	for (int m = 0; m < DEMO_METHODS; m++)
		if (!choose_passes(result, *job, (enum demo_method)m, seconds))
			return false;
	for (int round = 0; round < DEMO_ROUNDS; round++) {
		for (int m = 0; m < DEMO_METHODS; m++) {
			job->passes = result->methods[m].passes;
			if (!run_round(result, job, (enum demo_method)m, &times[m][round]))
				return false;
		}
	}
	for (int m = 0; m < DEMO_METHODS; m++) {
		qsort(times[m], DEMO_ROUNDS, sizeof(double), compare);
		result->methods[m].fastest = times[m][0];
		result->methods[m].median = times[m][DEMO_ROUNDS / 2];
	}
	return true;
}

static int run(const struct settings *settings, const struct demo_input *input)
{
	struct demo_result result = {.verified = true};
	struct demo_job job = {.input = input};

	(void)rk_thread_prepare();
	result.owner = rk_thread_owner();
	result.cpus = usable_cpus();
	result.threads = settings->threads != 0 ? (unsigned)settings->threads : 2 * result.cpus;
	result.chunk = (size_t)settings->chunk;
	result.files = input->count;
	result.skipped = input->skipped;
	job.threads = result.threads;
	job.chunk = result.chunk;
	demo_reference_make(input, &result.reference);
	if (!demo_reference_check_wc(&result.reference))
		result.verified = false;
	if (!run_all(&result, &job, settings->seconds))
		return EXIT_USAGE;
	(settings->json ? demo_print_json : demo_print_text)(&result);
	return result.verified ? EXIT_CLEAN : EXIT_FINDINGS;
}

int cmd_demo(const struct command *command, int argc, char **argv)
{
	struct settings settings = {.chunk = CHUNK_DEFAULT, .seconds = SECONDS_DEFAULT};
	struct demo_input input = {.files = NULL};
	int status = read_options(command, argc, argv, &settings);

	if (status >= 0)
		return status;
	status = read_input(&input, argv + optind, argc - optind) ? run(&settings, &input) : EXIT_USAGE;
	demo_input_release(&input);
	return status;
}
