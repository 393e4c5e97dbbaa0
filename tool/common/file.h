/* SPDX-License-Identifier: MIT */
/*
 * file.h - writes files completely, or not at all.
 *
 * The invariant: a regular file is written as a temporary file in the same folder, and then renamed to its name in one step.
 * The old contents therefore stay until the renaming, and stay if anything fails. A new file appears with all of its contents.
 * A replaced file keeps its mode and its owner. The following files aren't renamed, but written in place:
 * - a device or a pipe,
 * - the target of a symbolic link,
 * - a file with several names,
 * - the file that stdout goes to,
 * - a file that can't be replaced, for example because its folder is read-only, or because its owner, access control list or
 *   other attributes can't be kept.
 */
#ifndef RK_TOOL_FILE_H
#define RK_TOOL_FILE_H

#include <stdbool.h>
#include <stddef.h>

struct file {
	const char *path; /* the path that the caller gave */
	int fd;		  /* the descriptor of a device, a pipe or stdout; otherwise -1. A pipe stays open between the calls,
			     because its reader would see the end of the file at a close */
};

/*
 * Can the file be written? file_open() creates and changes nothing, so it can be called before the contents are known.
 * file_open() never waits, so a pipe without a reader counts as unwritable. If the file can't be written, prints a message
 * and returns false.
 */
bool file_open(struct file *file, const char *path);

/* Writes all contents of the file and closes it. If that fails, prints a message and returns false. */
bool file_put(struct file *file, const void *bytes, size_t size);

/* Writes all bytes to an open file, in parts if necessary. Returns 0, or the errno. */
int file_write(int fd, const void *bytes, size_t size);

/* Closes a file if file_put() hasn't closed it already. The structure is allowed to be all zeros. */
void file_close(struct file *file);

/* Calls file_open() and file_put() for a file in a folder. With `list`, then prints the file's path on stdout. */
bool file_put_into(const char *folder, const char *name, const void *bytes, size_t size, bool list);

#endif /* RK_TOOL_FILE_H */
