/* SPDX-License-Identifier: MIT */
/*
 * file.h - files that a command makes: whole, or not at all.
 *
 * The invariant: a regular file is written beside its place, and takes the place in one step when all of it is there. So
 * what was there stays until then, and for good where something fails; and a new name has all or isn't there. The mode
 * and the owner stay. Everything else is written where it is: a device or a pipe; what a symbolic link leads to; a file
 * of several names; the one that stdout goes to; and one whose place can't be taken, as its folder is read-only, say, or
 * its owner, its access control list or its other attributes can't be kept.
 */
#ifndef RK_TOOL_FILE_H
#define RK_TOOL_FILE_H

#include <stdbool.h>
#include <stddef.h>

struct file {
	const char *path; /* as it was given */
	int fd;		  /* of what is written where it is: a device or a pipe, whose reader would take a second opening
			     for another file, or stdout; else -1 */
};

/*
 * Can it be written? Makes and changes nothing, so that it can be asked before the contents are there, and never waits: a
 * pipe without a reader can't. Complains and returns false if it can't.
 */
bool file_open(struct file *file, const char *path);

/* Writes all contents of the file, and ends with it. Complains and returns false if that fails. */
bool file_put(struct file *file, const void *bytes, size_t size);

/* Writes all of it to an open file, which may take it in parts. Returns 0, or the errno. */
int file_write(int fd, const void *bytes, size_t size);

/* Ends with a file that file_open() has opened, or that is all zeros, unless file_put() has. */
void file_close(struct file *file);

/* Both of the first two, for a file in a folder. `list`: tells its path on stdout. */
bool file_put_into(const char *folder, const char *name, const void *bytes, size_t size, bool list);

#endif /* RK_TOOL_FILE_H */
