/* SPDX-License-Identifier: MIT */
/*
 * plot.c - runs gnuplot and looks at what it left (plot.h).
 *
 * The script goes through a file without a name, and gnuplot runs in the folder of the pictures. It reads no
 * configuration. A picture counts as made if the end of its file is the end of a picture: gnuplot says nothing when a
 * disk is full.
 */
#define _GNU_SOURCE
#include "plot.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/child.h"
#include "common/output.h"
#include "script.h"
#include "tool.h"

#define LIMIT_MS 120000 /* for all pictures, on a slow machine */

struct job {
	const char *folder;
	int script;
};

static int run_gnuplot(int out, const void *argument)
{
	char name[] = "gnuplot", defaults[] = "--default-settings", input[] = "-";
	char *const command[] = {name, defaults, input, NULL};
	const struct job *job = argument;

	if (dup2(job->script, STDIN_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0 || chdir(job->folder) != 0)
		return CHILD_NO_EXEC;
	return child_exec(out, command);
}

static int ask_version(int out, const void *argument)
{
	char name[] = "gnuplot", version[] = "--version";
	char *const command[] = {name, version, NULL};

	(void)argument;
	return child_exec(out, command);
}

bool plot_can(void)
{
	struct child_result result;

	child_run(ask_version, NULL, LIMIT_MS, &result);
	if (!child_succeeded(&result))
		complain("--plot needs gnuplot, which can't be run here; its package is gnuplot, or gnuplot-nox");
	return child_succeeded(&result);
}

/* Is the mark among the last bytes of the file? */
static bool ends_with(const char *path, const char *mark)
{
	FILE *file = fopen(path, "re");
	char last[16];
	bool good = file != NULL && fseek(file, -(long)sizeof(last), SEEK_END) == 0 &&
		    fread(last, 1, sizeof(last), file) == sizeof(last) &&
		    memmem(last, sizeof(last), mark, strlen(mark)) != NULL;

	if (file != NULL)
		(void)fclose(file);
	return good;
}

static bool check_files(const char *folder, const char *bench, const char *kind, bool list)
{
	static const struct {
		const char *suffix, *end;
	} formats[] = {{"svg", "</svg>"}, {"png", "IEND\xae\x42\x60\x82"}};
	char path[PATH_MAX + 80];

	for (unsigned i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s-%s.%s", folder, bench, kind, formats[i].suffix);
		if (!ends_with(path, formats[i].end)) {
			complain("gnuplot has not written %s", path);
			return false;
		}
		if (list)
			puts(path);
	}
	return true;
}

static bool run_script(FILE *script, const char *folder)
{
	const struct job job = {folder, fileno(script)};
	struct child_result result;
	char said[256];

	child_run(run_gnuplot, &job, LIMIT_MS, &result);
	if (child_succeeded(&result))
		return true;
	/* It begins with the line of the script, an empty one, and a mark. */
	copy_printable(said, sizeof(said), result.output + strspn(result.output, " \n"));
	complain("gnuplot failed in %s%s%s", folder, said[0] != '\0' ? ": " : "", said);
	return false;
}

bool plot_figures(const struct figures *figures, const char *folder, bool list)
{
	int fd = memfd_create("pictures", MFD_CLOEXEC);
	FILE *script = fd >= 0 ? fdopen(fd, "w+") : NULL;
	bool good;

	if (script == NULL) {
		complain("cannot make a file for gnuplot's script: %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	script_write(script, figures);
	good = fflush(script) == 0 && lseek(fd, 0, SEEK_SET) == 0 && run_script(script, folder);
	(void)fclose(script);
	for (unsigned i = 0; good && i < figures->bench_count; i++) {
		const struct figures_bench *bench = &figures->benches[i];

		good = (!figures_has_ratios(bench) || check_files(folder, bench->name, "ratio", list)) &&
		       (!figures_has_threads(bench) || check_files(folder, bench->name, "threads", list));
	}
	return good;
}
