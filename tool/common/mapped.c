/* SPDX-License-Identifier: MIT */
/* mapped.c - opens the files that a process has mapped, see mapped.h. */
#define _GNU_SOURCE
#include "mapped.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/maps.h"
#include "common/rights.h"

static void read_executable(pid_t tid, char name[MAPPED_EXECUTABLE_MAX])
{
	char path[64];
	ssize_t size;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)tid);
	size = readlink(path, name, MAPPED_EXECUTABLE_MAX - 1);
	name[size > 0 ? size : 0] = '\0';
}

#define HOW (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

/* Is the file regular? */
static bool is_regular(int fd)
{
	struct stat status;

	return fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

static int keep_regular(int fd)
{
	if (fd >= 0 && !is_regular(fd)) {
		close(fd);
		return -1;
	}
	return fd;
}

int mapped_open_regular(int folder, const char *path)
{
	int named = openat(folder, path, O_PATH | O_CLOEXEC), fd = -1;

	if (is_regular(named))
		fd = keep_regular(openat(folder, path, HOW));
	if (named >= 0)
		close(named);
	return fd;
}

int mapped_open_named(pid_t tid, const char *name)
{
	struct open_how how = {.flags = HOW, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	char path[64];
	int root, fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/root", (int)tid);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -1;
	how.flags = O_PATH | O_CLOEXEC;
	fd = (int)syscall(SYS_openat2, root, name, &how, sizeof(how));
	if (is_regular(fd)) {
		close(fd);
		how.flags = HOW;
		fd = (int)syscall(SYS_openat2, root, name, &how, sizeof(how));
	} else if (fd < 0 && errno == ENOSYS) { /* an emulator may lack openat2() */
		fd = mapped_open_regular(root, name + strspn(name, "/"));
	}
	close(root);
	return keep_regular(fd);
}

/* Opens the process's executable, if `name` is its name. This needs no privilege, and works even if the file is deleted. */
static int open_executable(const struct mapped *mapped, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)mapped->tid);
	return strcmp(name, mapped->executable) == 0 ? mapped_open_regular(AT_FDCWD, path) : -1;
}

/*
 * Opens the mapping's file by /proc/PID/map_files. Only the tool's own rights suffice to find the file there. The file itself is
 * then opened with the rights in force.
 */
static int open_mapping(pid_t tid, uint64_t begin, uint64_t end)
{
	char path[96];
	int named, fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, (int)tid, begin, end);
	rights_suspend();
	named = open(path, O_PATH | O_CLOEXEC);
	rights_resume();
	if (is_regular(named)) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", named);
		fd = keep_regular(open(path, HOW));
	}
	if (named >= 0)
		close(named);
	return fd;
}

int mapped_open(const struct mapped *mapped, const char *name, uint64_t base)
{
	const char *text = mapped->maps;
	struct map map;
	int fd = -1;

	while (fd < 0 && maps_next(&text, &map))
		if (map.start == base)
			fd = open_mapping(mapped->tid, map.start, map.end);
	if (fd < 0)
		fd = mapped_open_named(mapped->tid, name);
	return fd >= 0 ? fd : open_executable(mapped, name);
}

void mapped_read(pid_t tid, struct mapped *mapped)
{
	mapped->tid = tid;
	mapped->maps = maps_read(tid);
	read_executable(tid, mapped->executable);
}
