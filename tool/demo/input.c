/* SPDX-License-Identifier: MIT */
/*
 * input.c - reads into memory the files that `rseqkit demo` counts.
 *
 * A device may have no end. The tool therefore checks the type of each open file before reading, and refuses devices. Only
 * standard input, and FIFOs that the user named, can block, as in any program that reads them. The tool reads files by read()
 * and doesn't map them, because a load from a mapped file that has shrunk would fault.
 */
#define _GNU_SOURCE
#include "input.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/output.h"
#include "tool.h"

/*
 * Before a read(), the buffer has at least this many free bytes. The first buffer has this many bytes more than the size from
 * fstat(), which is 0 for files in /proc.
 */
#define READ_STEP ((size_t)64 * 1024)

#define SHOW_STEP ((size_t)64 * 1024 * 1024) /* one read() gets at most this many bytes; then the shown progress is updated */

static bool refuse(const char *path, const char *what)
{
	complain("%s: %s", path, what);
	return false;
}

/*
 * Must the read() be repeated? It fails with EAGAIN if another process set a shared descriptor, such as standard input, to
 * non-blocking.
 */
static bool is_to_be_repeated(int fd, int error)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};

	if (error == EAGAIN)
		(void)poll(&wait, 1, -1);
	return error == EAGAIN || error == EINTR;
}

/*
 * Returns the maximum size of the input, half of the machine's memory. A larger input would be swapped out while it is
 * counted.
 */
static size_t input_limit(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);

	return pages > 0 && page > 0 ? (size_t)pages / 2 * (size_t)page : SIZE_MAX / 2;
}

/* Shows how much was read, if a multiple of SHOW_STEP is between `before` and `now`. */
static void show_progress(size_t before, size_t now)
{
	char text[64];

	if (before / SHOW_STEP == now / SHOW_STEP)
		return;
	snprintf(text, sizeof(text), "reading, %zu MiB ...", now / SHOW_STEP * (SHOW_STEP / 1024 / 1024));
	print_progress(text);
}

/* Reads a whole file. `expected` is the file's size from fstat(), and `before` is the size of all files that were read before. */
static bool read_all(const char *path, int fd, size_t expected, size_t before, struct demo_file *file)
{
	size_t limit = input_limit() - before;
	size_t room = 0;
	ssize_t n;

	if (expected > limit)
		return refuse(path, "the input is larger than half of this machine's memory");
	for (;;) {
		if (room - file->size < READ_STEP) {
			size_t wanted = (room == 0 ? expected : room + room / 2) + READ_STEP;
			unsigned char *grown = (unsigned char *)realloc(file->bytes, wanted);

			if (grown == NULL)
				return refuse(path, "not enough memory to read it");
			file->bytes = grown;
			room = wanted;
		}
		n = read(fd, file->bytes + file->size, room - file->size < SHOW_STEP ? room - file->size : SHOW_STEP);
		if (n < 0 && is_to_be_repeated(fd, errno))
			continue;
		if (n < 0)
			return refuse(path, strerror(errno));
		if (n == 0)
			return true;
		show_progress(before + file->size, before + file->size + (size_t)n);
		file->size += (size_t)n;
		if (file->size > limit)
			return refuse(path, "the input is larger than half of this machine's memory");
	}
}

static bool add_file(struct demo_input *input, const char *path, int fd, size_t expected)
{
	struct demo_file file = {NULL, 0};
	struct demo_file *grown;

	if (!read_all(path, fd, expected, input->size, &file)) {
		free(file.bytes);
		return false;
	}
	grown = (struct demo_file *)reallocarray(input->files, input->count + 1, sizeof(*grown));
	if (grown == NULL) {
		free(file.bytes);
		return refuse(path, "not enough memory");
	}
	input->files = grown;
	input->files[input->count++] = file;
	input->size += file.size;
	return true;
}

static bool add(struct demo_input *input, const char *path, bool given);

/* Adds all files below a directory, in the order of their names, so that every run reads them in the same order. */
static bool add_directory(struct demo_input *input, const char *path)
{
	struct dirent **entries;
	int count = scandir(path, &entries, NULL, alphasort);
	bool ok = count >= 0 || refuse(path, strerror(errno));

	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		char *inner = NULL;

		if (ok && strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
			ok = asprintf(&inner, "%s/%s", path, name) >= 0 || refuse(path, "not enough memory");
			ok = ok && add(input, inner, false);
			free(inner);
		}
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return ok;
}

/* Skips a file that is neither regular nor a directory. If the user named this file, prints a message and returns false. */
static bool skip(struct demo_input *input, const char *path, bool given)
{
	if (given)
		return refuse(path, "not a regular file, a directory or a FIFO; '-' reads standard input of any kind");
	complain("%s: skipped, not a regular file or a directory", path);
	input->skipped++;
	return true;
}

static bool is_readable(const struct stat *status, bool given)
{
	return S_ISREG(status->st_mode) || (given && S_ISFIFO(status->st_mode));
}

static bool add(struct demo_input *input, const char *path, bool given)
{
	struct stat status;
	bool ok;
	int fd;

	if ((given ? stat(path, &status) : lstat(path, &status)) != 0)
		return refuse(path, strerror(errno));
	if (S_ISDIR(status.st_mode))
		return add_directory(input, path);
	if (S_ISLNK(status.st_mode))
		return true;
	if (!is_readable(&status, given))
		return skip(input, path, given);
	/* Only the open() of a FIFO can block, until the FIFO has a writer. */
	fd = open(path, O_RDONLY | (S_ISFIFO(status.st_mode) ? 0 : O_NONBLOCK) | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return refuse(path, strerror(errno));
	/* Check again, because by now the name can lead to another file. */
	if (fstat(fd, &status) != 0)
		ok = refuse(path, strerror(errno));
	else if (!is_readable(&status, given))
		ok = skip(input, path, given);
	else
		ok = add_file(input, path, fd, (size_t)status.st_size);
	close(fd);
	return ok;
}

/* Standard input can't be read twice: the second read would find only its end, and count it as an empty file. */
static bool add_standard_input(struct demo_input *input)
{
	struct stat status;

	if (input->has_standard_input)
		return refuse("-", "standard input can be read only once");
	if (fstat(STDIN_FILENO, &status) != 0)
		return refuse("standard input", strerror(errno));
	input->has_standard_input = true;
	return add_file(input, "standard input", STDIN_FILENO, S_ISREG(status.st_mode) ? (size_t)status.st_size : 0);
}

bool demo_input_add(struct demo_input *input, const char *path)
{
	return strcmp(path, "-") == 0 ? add_standard_input(input) : add(input, path, true);
}

void demo_input_release(struct demo_input *input)
{
	for (size_t i = 0; i < input->count; i++)
		free(input->files[i].bytes);
	free(input->files);
	*input = (struct demo_input){.files = NULL};
}
