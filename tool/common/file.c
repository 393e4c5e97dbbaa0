/* SPDX-License-Identifier: MIT */
/* file.c - writes a file under a temporary name, and then renames it to its final name, see file.h. */
#define _GNU_SOURCE
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tool.h"

#define TRIES 100 /* this many names are tried for a temporary file, because files of earlier runs can have some of them */

static bool refuse(const char *path, int error)
{
	complain("cannot write %s: %s", path, strerror(error));
	return false;
}

/* Returns the part of the path after the last slash. */
static const char *name_in_folder(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* Opens the folder of the path, for system calls relative to this folder. Returns -1 with errno on failure. */
static int open_folder(const char *path)
{
	const char *name = name_in_folder(path);
	char *folder = name != path ? strndup(path, (size_t)(name - path)) : strdup(".");
	int fd = folder != NULL ? open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

	free(folder);
	return fd;
}

/* Can a file be created in the path's folder? Returns 0, or an error number. */
static int try_folder(const char *path)
{
	int folder = open_folder(path), error = errno;

	if (folder < 0)
		return error;
	error = faccessat(folder, ".", W_OK | X_OK, 0) != 0 ? errno : name_in_folder(path)[0] == '\0' ? ENOENT : 0;
	close(folder);
	return error;
}

/* Is stdout this file? */
static bool is_stdout(const struct stat *status)
{
	struct stat out;

	return fstat(STDOUT_FILENO, &out) == 0 && out.st_dev == status->st_dev && out.st_ino == status->st_ino;
}

bool file_open(struct file *file, const char *path)
{
	struct stat status;
	int error = 0;

	*file = (struct file){path, open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
	if (file->fd < 0) {
		error = errno;
		/* The target of a dangling symbolic link isn't checked: such links are rare. */
		if (error == ENOENT)
			error = lstat(path, &status) == 0 ? 0 : try_folder(path);
		return error == 0 || refuse(path, error);
	}
	if (fstat(file->fd, &status) != 0) {
		error = errno;
	} else if (S_ISREG(status.st_mode)) {
		file_close(file);
		/* If stdout is this file, file_put() writes at stdout's position. */
		if (is_stdout(&status))
			file->fd = dup(STDOUT_FILENO);
	} else if (fcntl(file->fd, F_SETFL, 0) != 0) { /* from now on a write waits for a slow reader */
		error = errno;
	}
	return error == 0 || refuse(path, error);
}

void file_close(struct file *file)
{
	if (file->path != NULL && file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

int file_write(int fd, const void *bytes, size_t size)
{
	const char *at = (const char *)bytes;

	while (size > 0) {
		ssize_t n = write(fd, at, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : ENOSPC;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

/*
 * Writes to an open file and closes it. With `lasting`, the data also survives a crash of the machine. Returns 0, or the
 * errno.
 */
static int write_and_close(int fd, const void *bytes, size_t size, bool lasting)
{
	int error = file_write(fd, bytes, size);

	if (error == 0 && lasting && fsync(fd) != 0)
		error = errno;
	if (close(fd) != 0 && error == 0)
		error = errno;
	return error;
}

/* Creates a file with an unused name, and stores the name in name[48]. Returns -1 with errno on failure. */
static int make_temporary(int folder, char *name, mode_t mode)
{
	int fd = -1;

	for (unsigned i = 0; i < TRIES && fd < 0 && (i == 0 || errno == EEXIST); i++) {
		snprintf(name, 48, ".rseqkit-%ld-%u", (long)getpid(), i);
		fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	}
	return fd;
}

/* Gives a new file the owner and the mode of the old file. */
static bool make_like(int fd, const struct stat *old)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return false;
	if ((status.st_uid != old->st_uid || status.st_gid != old->st_gid) &&
	    fchown(fd, old->st_uid, old->st_gid) != 0)
		return false;
	return fchmod(fd, old->st_mode & 07777) == 0;
}

/* Replaces a regular file, or creates a file if `old` is NULL. Returns 0, or the errno. */
static int replace(int folder, const char *name, const struct stat *old, const void *bytes, size_t size)
{
	char temporary[48];
	int fd = make_temporary(folder, temporary, old != NULL ? old->st_mode & 0777 : 0666), error = 0;

	if (fd < 0)
		return errno;
	if (old != NULL && !make_like(fd, old)) {
		close(fd);
		error = EPERM;
	} else {
		error = write_and_close(fd, bytes, size, true);
	}
	if (error == 0 && renameat(folder, temporary, folder, name) != 0)
		error = errno;
	if (error != 0)
		(void)unlinkat(folder, temporary, 0);
	return error;
}

/* Calls replace() with all signals blocked, so that no signal ends the program while the temporary file exists. */
static int replace_undisturbed(const char *path, const struct stat *old, const void *bytes, size_t size)
{
	int folder = open_folder(path), error = errno;
	sigset_t all, before;

	if (folder < 0)
		return error;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	error = replace(folder, name_in_folder(path), old, bytes, size);
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(folder);
	return error;
}

/*
 * Does the file have attributes that a new file would lack: an access control list, or attributes that users have set
 * (user.*)?
 */
static bool has_attributes(const char *path)
{
	char list[XATTR_LIST_MAX];
	ssize_t size = llistxattr(path, list, sizeof(list));

	for (ssize_t i = 0; i < size; i += (ssize_t)strlen(list + i) + 1)
		if (strncmp(list + i, "user.", 5) == 0 || strcmp(list + i, "system.posix_acl_access") == 0)
			return true;
	return false;
}

static int write_over(const char *path, const void *bytes, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666);

	return fd >= 0 ? write_and_close(fd, bytes, size, false) : errno;
}

/* Writes the file at the path. file_open() has checked that the file can be written. */
static int put_at(const char *path, const void *bytes, size_t size)
{
	struct stat old;
	int error;

	if (lstat(path, &old) != 0)
		return errno == ENOENT && name_in_folder(path)[0] != '\0' ? replace_undisturbed(path, NULL, bytes, size) :
									    errno;
	if (!S_ISREG(old.st_mode) || old.st_nlink != 1)
		return write_over(path, bytes, size);
	error = has_attributes(path) ? EPERM : replace_undisturbed(path, &old, bytes, size);
	/*
	 * Write in place if the folder can't get a new file, if owner or attributes can't be kept, or if the file is a mount
	 * point.
	 */
	return error == EACCES || error == EPERM || error == EROFS || error == EBUSY ? write_over(path, bytes, size) :
										       error;
}

bool file_put(struct file *file, const void *bytes, size_t size)
{
	void (*before)(int) = signal(SIGPIPE, SIG_IGN); /* without a reader, write() must fail and be reported */
	int error;

	fflush(stdout); /* stdout can be the same file */
	error = file->fd >= 0 ? write_and_close(file->fd, bytes, size, false) : put_at(file->path, bytes, size);

	signal(SIGPIPE, before);
	file->fd = -1;
	return error == 0 || refuse(file->path, error);
}

bool file_put_into(const char *folder, const char *name, const void *bytes, size_t size, bool list)
{
	struct file file = {NULL, -1};
	char *path = NULL;
	bool good;

	if (asprintf(&path, "%s/%s", folder, name) < 0) {
		complain("out of memory");
		return false;
	}
	good = file_open(&file, path) && file_put(&file, bytes, size);
	if (good && list)
		puts(path);
	free(path);
	return good;
}
