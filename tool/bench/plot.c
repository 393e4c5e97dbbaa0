/* SPDX-License-Identifier: MIT */
/*
 * plot.c - runs gnuplot and checks the pictures that it makes (plot.h).
 *
 * gnuplot reads the script from a memfd and writes the pictures to memfds, so an incomplete picture never gets into the folder.
 * gnuplot reads no configuration. plot.c checks that each picture ends like a complete one, because gnuplot doesn't report
 * failed writes.
 */
#define _GNU_SOURCE
#include "plot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/child.h"
#include "common/file.h"
#include "common/output.h"
#include "script.h"
#include "tool.h"

#define LIMIT_MS 120000 /* time limit for the pictures of one bench, on a slow machine */

struct job {
	int script;
	const int *outputs;
};

static int run_gnuplot(int out, const void *argument)
{
	char name[] = "gnuplot", defaults[] = "--default-settings", input[] = "-";
	char *const command[] = {name, defaults, input, NULL};
	const struct job *job = argument;

	if (dup2(job->script, STDIN_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0)
		return CHILD_NO_EXEC;
	for (unsigned i = 0; i < PICTURES; i++)
		if (fcntl(job->outputs[i], F_SETFD, 0) != 0)
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
		complain("--plot needs gnuplot, which can't be run here. Install the package gnuplot or gnuplot-nox.");
	return child_succeeded(&result);
}

/* Do the last 16 bytes contain the text `mark`? */
static bool ends_with(const char *bytes, size_t size, const char *mark)
{
	size_t last = size < 16 ? size : 16;

	return memmem(bytes + size - last, last, mark, strlen(mark)) != NULL;
}

/* Copies gnuplot's picture from the open file into the folder, if the picture is complete. */
static bool put_picture(int fd, enum picture picture, const char *bench, const char *folder, bool list)
{
	static const struct {
		const char *suffix, *end;
	} kinds[PICTURES] = {
		[PICTURE_RATIO_SVG] = {"-ratio.svg", "</svg>"},
		[PICTURE_RATIO_PNG] = {"-ratio.png", "IEND\xae\x42\x60\x82"},
		[PICTURE_THREADS_SVG] = {"-threads.svg", "</svg>"},
		[PICTURE_THREADS_PNG] = {"-threads.png", "IEND\xae\x42\x60\x82"},
	};
	off_t size = lseek(fd, 0, SEEK_END);
	void *bytes = size > 0 ? mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
	char name[64];
	bool good = false;

	snprintf(name, sizeof(name), "%s%s", bench, kinds[picture].suffix);
	if (bytes == MAP_FAILED || !ends_with((const char *)bytes, (size_t)size, kinds[picture].end))
		complain("gnuplot has not written %s/%s", folder, name);
	else
		good = file_put_into(folder, name, bytes, (size_t)size, list);
	if (bytes != MAP_FAILED)
		munmap(bytes, (size_t)size);
	return good;
}

static bool run_script(int script, const int *outputs, const char *bench)
{
	const struct job job = {script, outputs};
	struct child_result result;
	char said[256];

	child_run(run_gnuplot, &job, LIMIT_MS, &result);
	if (child_succeeded(&result))
		return true;
	/*
	 * Print the first line of gnuplot's message that isn't empty. In it gnuplot shows the line of the script at which it
	 * failed.
	 */
	copy_printable(said, sizeof(said), result.output + strspn(result.output, " \n"));
	complain("gnuplot failed at the pictures of %s%s%s", bench, said[0] != '\0' ? ": " : "", said);
	return false;
}

/* Writes the script into a memfd. Returns its descriptor, positioned at the beginning; -1 on failure. */
static int make_script(const struct figures *figures, const struct figures_bench *bench, const int *outputs)
{
	int fd = memfd_create("script", MFD_CLOEXEC), copy = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
	FILE *script = copy >= 0 ? fdopen(copy, "w") : NULL;
	bool good = script != NULL;

	if (good) {
		script_write(script, figures, bench, outputs);
		good = !ferror(script);
		good = fclose(script) == 0 && lseek(fd, 0, SEEK_SET) == 0 && good;
	}
	if (good)
		return fd;
	complain("cannot write gnuplot's script: %s", strerror(errno));
	if (script == NULL && copy >= 0)
		close(copy);
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool plot_bench(const struct figures *figures, const struct figures_bench *bench, const int *outputs,
		       const char *folder, bool list)
{
	unsigned count = figures_has_threads(bench) ? PICTURES : PICTURE_THREADS_SVG;
	int script = make_script(figures, bench, outputs);
	bool good = script >= 0 && run_script(script, outputs, bench->name);

	for (unsigned i = 0; good && i < count; i++)
		good = put_picture(outputs[i], (enum picture)i, bench->name, folder, list);
	if (script >= 0)
		close(script);
	return good;
}

/* Makes memfds for the pictures of one bench, and then makes the pictures. */
static bool plot_with_files(const struct figures *figures, const struct figures_bench *bench, const char *folder,
			    bool list)
{
	int outputs[PICTURES], count = 0;
	bool good;

	while (count < PICTURES && (outputs[count] = memfd_create("picture", MFD_CLOEXEC)) >= 0)
		count++;
	good = count == PICTURES;
	if (!good)
		complain("cannot make a file for a picture: %s", strerror(errno));
	good = good && plot_bench(figures, bench, outputs, folder, list);
	while (count > 0)
		close(outputs[--count]);
	return good;
}

bool plot_figures(const struct figures *figures, const char *folder, bool list)
{
	bool good = true;

	for (unsigned i = 0; good && i < figures->bench_count; i++)
		if (figures_has_ratios(&figures->benches[i]))
			good = plot_with_files(figures, &figures->benches[i], folder, list);
	return good;
}
