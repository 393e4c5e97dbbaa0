/* SPDX-License-Identifier: MIT */
/*
 * launcher.c - `recorder`: runs a program with recorder.so, in this process.
 *
 *	recorder [-o FILE] [--size BYTES] PROGRAM [ARGUMENT...]
 *
 * If the program is statically linked, or runs with another user's or group's rights, it can't be recorded. In these cases
 * `recorder` prints why nothing is recorded, and still runs the program.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <link.h>
#include <rseqkit/ring.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/binary.h"

#define LIBRARY "recorder.so"
#define PREFIX "RSEQKIT_RECORDER_"

static const char help[] =
	"Usage: recorder [OPTION...] PROGRAM [ARGUMENT...]\n"
	"\n"
	"Runs a program and records what it allocates and which mutexes it takes, as a trace\n"
	"for https://ui.perfetto.dev or chrome://tracing.\n"
	"\n"
	"  -o, --output=FILE  the trace, recorder.json without it; children's have their number\n"
	"                     with that name\n"
	"  -s, --size=BYTES   of each CPU's ring, a power of two from 8192 to 1073741824; 4194304\n"
	"                     without it. What doesn't fit until it is written out is lost, and\n"
	"                     the trace says how much\n"
	"  -h, --help         this text\n"
	"\n"
	"Exit status: the program's own; 126 if it can't be run, 127 if it isn't found; 2 wrong\n"
	"usage, or FILE can't be written.\n";

static void say(const char *what, const char *why)
{
	fprintf(stderr, "recorder: %s: %s\n", what, why);
}

/* Finds the file that execvp() would run. If the name has a slash, or no folder of PATH has the file, stores the name. */
static void find_program(const char *name, char path[PATH_MAX])
{
	const char *list = getenv("PATH");

	if (strchr(name, '/') == NULL && list != NULL)
		for (const char *at = list; *at != '\0'; at += strcspn(at, ":"), at += *at == ':') {
			int length = (int)strcspn(at, ":");

			if (snprintf(path, PATH_MAX, "%.*s%s%s", length, at, length > 0 ? "/" : "", name) < PATH_MAX &&
			    access(path, X_OK) == 0)
				return;
		}
	(void)snprintf(path, PATH_MAX, "%s", name);
}

static bool has_linker(const struct binary *file)
{
	ElfW(Phdr) segment;

	for (unsigned i = 0; i < file->header.e_phnum; i++)
		if (pread(file->fd, &segment, sizeof(segment), (off_t)(file->header.e_phoff + i * sizeof(segment))) ==
			    (ssize_t)sizeof(segment) && segment.p_type == PT_INTERP)
			return true;
	return false;
}

/*
 * Prints nothing for a script, because its interpreter is recorded. Prints nothing for another machine's program, because the
 * dynamic linker reports that it can't preload the recorder there.
 */
static void say_if_it_is_not_recorded(const char *name)
{
	char path[PATH_MAX];
	struct binary file;
	struct stat status;

	find_program(name, path);
	if (!binary_open(path, &file))
		return;
	if (!has_linker(&file))
		say(path, "nothing is recorded: it is statically linked");
	else if (fstat(file.fd, &status) == 0 && (((status.st_mode & S_ISUID) && status.st_uid != geteuid()) ||
						  ((status.st_mode & S_ISGID) && status.st_gid != getegid())))
		say(path, "nothing is recorded: it runs with another user's or group's rights");
	binary_close(&file);
}

/* Adds recorder.so, which is in this program's folder, to LD_PRELOAD. */
static bool preload(void)
{
	const char *before = getenv("LD_PRELOAD");
	char path[PATH_MAX], list[2 * PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - sizeof(LIBRARY));

	if (length <= 0)
		return say("/proc/self/exe", strerror(errno)), false;
	path[length] = '\0';
	strcpy(strrchr(path, '/') + 1, LIBRARY);
	if (access(path, R_OK) < 0)
		return say(path, strerror(errno)), false;
	if (path[strcspn(path, " :")] != '\0')
		return say(path, "LD_PRELOAD can't name it: there is a blank or a colon in it"), false;
	if (snprintf(list, sizeof(list), "%s%s%s", path, before && *before ? ":" : "", before ? before : "") >=
	    (int)sizeof(list))
		return say("LD_PRELOAD", "too long"), false;
	/*
	 * With RSEQKIT_AREA=own the recorder doesn't use the C library's struct rseq (its area), even if the C library
	 * doesn't register it. If the recorder used this area, glibc would register each thread that a registered thread
	 * creates, and end the program if a filter refuses the registration. A value that the program's environment already
	 * has stays.
	 */
	return setenv("LD_PRELOAD", list, 1) == 0 && setenv("RSEQKIT_AREA", "own", 0) == 0;
}

static bool is_fifo(const char *name)
{
	struct stat status;

	return stat(name, &status) == 0 && S_ISFIFO(status.st_mode);
}

/*
 * Makes the file or empties it, so that errors are reported before the program runs. The path in the environment is absolute,
 * because programs can change their directory. A FIFO isn't opened here. Otherwise its reader would see the end of the file, and
 * end, before the program opens the FIFO.
 */
static bool make_file(const char *name)
{
	char path[PATH_MAX], process[16];
	bool fifo = is_fifo(name);
	int fd = fifo ? -1 : open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);

	if (fifo ? access(name, W_OK) < 0 : fd < 0)
		return say(name, strerror(errno)), false;
	if (fd >= 0)
		close(fd);
	if (realpath(name, path) == NULL)
		return say(name, strerror(errno)), false;
	(void)snprintf(process, sizeof(process), "%d", getpid());
	return setenv(PREFIX "FILE", path, 1) == 0 && setenv(PREFIX "PROCESS", process, 1) == 0;
}

static bool set_size(const char *text)
{
	char *end;
	unsigned long long size = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || size < RK_RING_SIZE_MIN || size > RK_RING_SIZE_MAX ||
	    (size & (size - 1)) != 0)
		return say(text, "no power of two from 8192 to 1073741824"), false;
	return setenv(PREFIX "SIZE", text, 1) == 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"output", required_argument, NULL, 'o'},
						{"size", required_argument, NULL, 's'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	const char *file = "recorder.json";
	int option, error;

	(void)unsetenv(PREFIX "SIZE");
	while ((option = getopt_long(argc, argv, "+o:s:h", options, NULL)) != -1) {
		if (option == 'h')
			return fputs(help, stdout) < 0;
		if (option == '?' || (option == 's' && !set_size(optarg)))
			return 2;
		if (option == 'o')
			file = optarg;
	}
	if (optind == argc) {
		fputs(help, stderr);
		return 2;
	}
	say_if_it_is_not_recorded(argv[optind]);
	if (!make_file(file) || !preload())
		return 2;
	execvp(argv[optind], argv + optind);
	error = errno;
	say(argv[optind], strerror(error));
	return error == ENOENT ? 127 : 126;
}
