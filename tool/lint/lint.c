/* SPDX-License-Identifier: MIT */
/*
 * lint.c - `rseqkit lint`: reads the options, and starts a child process for each file, which checks the file.
 *
 * A file can be made to harm the tool: its numbers can wrap, its tables can be endless, and it can be truncated while it is
 * mapped. A child with limits of time and memory therefore reads it. The child writes its report to a memfd, and then exits
 * with the status of the check and the bit CHECKED. If a child ends otherwise, the tool reports an error with the file's name.
 * A status without the bit isn't enough, because libdw exits with 1 if memory is short.
 */
#define _GNU_SOURCE
#include "lint.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/child.h"
#include "common/json.h"
#include "common/options.h"
#include "common/output.h"
#include "findings.h"
#include "tool.h"

#define LIMIT_S 60
#define MEMORY_MAX ((rlim_t)1 << 30)   /* bytes of address space, plus four times the file's size */
#define REPORT_MAX ((rlim_t)256 << 20) /* bytes of a file that the child writes; or the checked file's size, if that is greater */
#define SIZE_MAX_KNOWN ((rlim_t)1 << 40)
#define CHECKED 64                     /* a bit of the child's exit status: the report is complete */

/* The work of one child. */
struct work {
	const char *path;
	const struct lint_settings *settings;
	int report; /* the memfd of the report */
	pid_t parent;
};

static void limit(int resource, rlim_t most)
{
	struct rlimit limits;

	if (getrlimit(resource, &limits) != 0)
		return;
	if (limits.rlim_max == RLIM_INFINITY || limits.rlim_max > most)
		limits.rlim_cur = most;
	else
		limits.rlim_cur = limits.rlim_max;
	(void)setrlimit(resource, &limits);
}

/* Returns the size of a file for the limits, at most SIZE_MAX_KNOWN. */
static rlim_t size_of(const char *path)
{
	struct stat status;

	if (stat(path, &status) != 0 || !S_ISREG(status.st_mode))
		return 0;
	return (rlim_t)status.st_size < SIZE_MAX_KNOWN ? (rlim_t)status.st_size : SIZE_MAX_KNOWN;
}

static int check_in_child(int out, const void *argument)
{
	const struct work *work = (const struct work *)argument;
	FILE *report = fdopen(work->report, "w");
	const rlim_t size = size_of(work->path);
	int status;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != work->parent)
		raise(SIGKILL);
	signal(SIGBUS, SIG_DFL);
	signal(SIGXCPU, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	limit(RLIMIT_AS, MEMORY_MAX + 4 * size);
#endif
	limit(RLIMIT_CPU, LIMIT_S);
	limit(RLIMIT_FSIZE, size > REPORT_MAX ? size : REPORT_MAX);
	if (report == NULL)
		return EXIT_USAGE;
	status = lint_file(work->path, work->settings, report);
	(void)out;
	return fflush(report) == 0 ? status | CHECKED : EXIT_USAGE;
}

/* Copies the report of a child to stdout, after `before`. Returns false if nothing of it can be read, and sets errno. */
static bool copy_report(int report, const char *before)
{
	char part[65536];
	off_t at = 0;
	ssize_t count = pread(report, part, sizeof(part), at);

	if (count < 0)
		return false;
	fputs(before, stdout);
	for (; count > 0; count = pread(report, part, sizeof(part), at)) {
		fwrite(part, 1, (size_t)count, stdout);
		at += count;
	}
	return true;
}

/* Stores in `why` the reason for which a child didn't check its file. */
static void explain(const struct child_result *result, char *why, size_t size)
{
	if (result->end == CHILD_TIMED_OUT || (result->end == CHILD_KILLED && result->number == SIGXCPU))
		snprintf(why, size, "reading it took more than %d s", LIMIT_S);
	else if (result->end == CHILD_KILLED && result->number == SIGXFSZ)
		snprintf(why, size, "its report is too long; the file may be damaged");
	else if (result->end == CHILD_KILLED && result->number == SIGKILL)
		snprintf(why, size, "reading it was ended by signal %d, by a limit or from outside", SIGKILL);
	else if (result->end == CHILD_KILLED && result->number == SIGSEGV)
		snprintf(why, size, "reading it was ended by signal %d; the file may be damaged, or the stack is too small",
			 SIGSEGV);
	else if (result->end == CHILD_KILLED)
		snprintf(why, size, "reading it was ended by signal %d; the file may be damaged or truncated", result->number);
	else if (result->end == CHILD_EXITED && (result->number & CHECKED))
		snprintf(why, size, "its report can't be read: %s", strerror(errno));
	else if (result->end == CHILD_EXITED && result->number == EXIT_USAGE)
		snprintf(why, size, "its report can't be written");
	else if (result->end == CHILD_EXITED)
		snprintf(why, size, "reading it takes too much memory; the file may be damaged");
	else if (result->end == CHILD_LOST)
		snprintf(why, size, "the end of the process that reads it is unknown: %s", strerror(result->number));
	else
		snprintf(why, size, "cannot start the process that reads it: %s", strerror(result->number));
}

/* Reports that a file wasn't checked. */
static void tell_failure(const char *path, const char *why, const struct lint_settings *settings, const char *before)
{
	complain("%s: %s", path, why);
	if (settings->json) {
		json_object *object = json_new();

		json_put_string(object, "path", path);
		json_put_string(object, "error", why);
		fputs(before, stdout);
		fputs(json_text(object), stdout);
		json_object_put(object);
	}
}

/* Checks one file in a child. Prints `before` before the report; in JSON it is the comma after the previous file's object. */
static int check(const char *path, const struct lint_settings *settings, const char *before)
{
	struct work work = {path, settings, memfd_create("lint", MFD_CLOEXEC), getpid()};
	struct child_result result = {.end = CHILD_NOT_RUN};
	int status = EXIT_USAGE;
	char why[128];

	fflush(stdout);
	if (work.report < 0)
		result.number = errno;
	else
		child_run(check_in_child, &work, LIMIT_S * 1000, &result);
	if (result.end == CHILD_EXITED && (result.number & CHECKED) && copy_report(work.report, before)) {
		status = result.number & ~CHECKED;
	} else {
		explain(&result, why, sizeof(why));
		tell_failure(path, why, settings, before);
	}
	if (work.report >= 0)
		close(work.report);
	return status;
}

static int print_rules(void)
{
	for (size_t i = 0; i < RULES; i++)
		printf("%-5s  %-12s  %s\n", rule_rows[i].error ? "error" : "note", rule_rows[i].id, rule_rows[i].text);
	return EXIT_CLEAN;
}

int cmd_lint(const struct command *command, int argc, char **argv)
{
	struct lint_settings settings = {.json = false};
	int option, status = EXIT_CLEAN;
	bool rules = false;

	while ((option = option_next(command, argc, argv)) != -1) {
		if (option == 'h')
			return option_help(command);
		if (option != 'a' && option != 'j' && option != OPTION_RULES)
			return option_misuse(command);
		rules |= option == OPTION_RULES;
		settings.all |= option == 'a';
		settings.json |= option == 'j';
	}
	if (rules && optind == argc)
		return print_rules();
	if (rules || optind == argc) {
		complain(rules ? "--rules checks no file" : "give at least one file");
		return option_misuse(command);
	}
	if (settings.json)
		fputs("{\n  \"schema\":\"rseqkit.lint/1\",\n  \"files\":[\n", stdout);
	for (int i = optind; i < argc; i++)
		status = worse_status(status, check(argv[i], &settings, settings.json && i > optind ? ",\n" : ""));
	if (settings.json)
		fputs("\n  ]\n}\n", stdout);
	return status;
}
